// The reservations that were made in this browser.

import { fill, h } from "../shared/dom.js";
import { instant } from "../shared/format.js";
import { t } from "../shared/language.js";
import { title } from "../shared/page.js";
import { kept } from "./kept.js";

/** Lists them. */
export function show(main) {
  title(t("mine"));
  const items = kept().map(({ id, title: name, made }) =>
    h("li", { class: "card" }, h("h2", {}, h("a", { href: `/?reservation=${id}` }, name)), h("p", { class: "muted" }, instant(made))),
  );
  const list = items.length > 0 ? h("ul", { class: "cards" }, ...items) : h("p", { class: "notice" }, t("mine-empty"));
  fill(main, h("h1", {}, t("mine")), list);
}
