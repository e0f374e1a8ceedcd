// The audit trail: what administrators did, newest first.

import { fill, h } from "../shared/dom.js";
import { t } from "../shared/language.js";
import { title } from "../shared/page.js";
import { stamp } from "./entry.js";
import { Pages, heads } from "./pages.js";
import { zoned } from "./parts.js";

/** Shows it. */
export async function show(place) {
  title(t("audit"));
  const pages = new Pages({
    caption: t("audit"),
    heads: heads("at", "token_name", "action", "subject"),
    path: "/audit",
    key: "entries",
    cells: ({ at, token_name: name, action, subject }) => [stamp(at), name, t(`did-${action}`), link(action, subject)],
  });
  fill(place, h("h1", {}, t("audit")), zoned(), pages.element);
  await pages.load();
}

function link(action, subject) {
  if (action === "set_creation_window") {
    return h("a", { href: "#/window" }, t("window"));
  }
  return h("a", { href: `#/${action === "refund" ? "reservations" : "events"}/${subject}` }, subject);
}
