// Lists that come in pages, as tables.

import { announce, fill, h } from "../shared/dom.js";
import { t } from "../shared/language.js";
import { button, good, muted } from "./parts.js";
import { trouble } from "./said.js";
import { ask } from "./session.js";

/** A table with a name; wider than the screen it scrolls by itself. */
export function table(caption, heads, body) {
  return h(
    "div",
    { class: "scroll", role: "region", "aria-label": caption, tabindex: 0 },
    h(
      "table",
      {},
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
      body,
    ),
  );
}

/** Heads of columns, by the names of fields. */
export const heads = (...names) => names.map((name) => t(`field-${name}`));

/** A row; its first cell heads it. */
export function row([head, ...cells]) {
  return h("tr", {}, h("th", { scope: "row" }, head), ...cells.map((cell) => h("td", {}, cell)));
}

/** A list of which more can be asked for. `cells` makes an entry's cells. */
export class Pages {
  #path;
  #key;
  #cells;
  #query = {};
  #turn = 0;
  #body = h("tbody", {});
  #end = h("div", { class: "end" });

  constructor({ caption, heads, path, key, cells }) {
    this.#path = path;
    this.#key = key;
    this.#cells = cells;
    this.element = h("div", {}, table(caption, heads, this.#body), this.#end);
  }

  /** Begins anew with what is wanted. */
  load(query = {}) {
    this.#query = query;
    return this.#page(null);
  }

  async #page(cursor) {
    this.#turn += 1;
    const turn = this.#turn;
    const wish = Object.entries({ ...this.#query, limit: 50, cursor }).filter(([, value]) => value);
    fill(this.#end, muted(t("loading")));
    try {
      const { [this.#key]: entries, next_cursor: next } = await ask(`${this.#path}?${new URLSearchParams(wish)}`);
      if (turn === this.#turn) {
        this.#add(entries, cursor === null, next);
      }
    } catch (error) {
      if (turn === this.#turn) {
        fill(this.#end, trouble(error, () => this.#page(cursor)));
      }
    }
  }

  #add(entries, isFirst, next) {
    if (isFirst) {
      fill(this.#body);
    }
    this.#body.append(...entries.map((entry) => row(this.#cells(entry))));
    const shown = this.#body.children.length;
    const nothing = shown === 0 && !next && good(t("nothing"));
    fill(this.#end, nothing, next && button(t("more"), () => this.#page(next)));
    announce(t("shown", { n: shown }));
  }
}
