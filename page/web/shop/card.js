// An event in a list.

import { fill, h } from "../shared/dom.js";
import { date, money } from "../shared/format.js";
import { t } from "../shared/language.js";

/** A card that leads to the event and keeps its counts. */
export class Card {
  #event;
  #stand = h("p", { class: "stand" });

  constructor(event) {
    this.#event = event;
    this.element = h(
      "li",
      { class: "card" },
      h("p", { class: "kind" }, event.category),
      h("h2", {}, h("a", { href: `/?event=${event.id}` }, event.title)),
      h("p", {}, h("time", { datetime: event.starts_at }, date(event.starts_at))),
      h("p", { class: "muted" }, `${event.venue}, ${event.city}`),
      this.#stand,
    );
    this.count(event.counts);
  }

  /** Shows how many tickets are left. */
  count(counts) {
    fill(this.#stand, ...standing({ ...this.#event, counts }));
  }
}

/** What there is to have: the price, and how much is left. */
export function standing({ status, counts, price_from: price, currency }) {
  const present = now(status, counts);
  const left = h("span", { class: `status ${present}` }, t(`status-${present}`, { n: counts.free }));
  if (price === null || price === undefined) {
    return [left];
  }
  return [left, h("span", { class: "price" }, t("from-price", { price: money(price, currency) }))];
}

// Counts are newer than the status that came with the list.
function now(status, counts) {
  if (status !== "on_sale" && status !== "sold_out") {
    return status;
  }
  return counts.free === 0 ? "sold_out" : "on_sale";
}
