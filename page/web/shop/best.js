// "The best ones, please": how many, of which tier, in which section.

import { h } from "../shared/dom.js";
import { money } from "../shared/format.js";
import { t } from "../shared/language.js";

/** A form that reserves the best tickets there are. */
export class BestForm {
  #choice;
  #tickets;

  constructor(tickets, choice) {
    this.#tickets = tickets;
    this.#choice = choice;
    this.element = h("details", { class: "best", ontoggle: () => this.#open() }, h("summary", {}, t("best")));
    this.element.open = !tickets.hasMap;
  }

  #open() {
    if (this.element.open && !this.element.querySelector("form")) {
      this.element.append(this.#form());
    }
  }

  #form() {
    const { tiers, sections } = this.#tickets.layout;
    const price = (tier) => `${tier.name} ${money(tier.price, this.#choice.currency)}`;
    const most = this.#choice.event.max_tickets;
    return h(
      "form",
      { onsubmit: (event) => this.#submit(event) },
      h("label", {}, t("count"), h("input", { name: "count", type: "number", min: 1, max: most, value: Math.min(2, most), required: true })),
      select("tier", tiers.map((tier) => [tier.id, price(tier)])),
      select("section", sections.map((name) => [name, name])),
      h("label", { class: "check" }, h("input", { name: "together", type: "checkbox", checked: true }), t("together")),
      h("button", { class: "main" }, t("reserve-best")),
    );
  }

  #submit(event) {
    event.preventDefault();
    const wish = new FormData(event.target);
    const best = { count: Number(wish.get("count")), together: wish.has("together") };
    for (const name of ["tier", "section"]) {
      if (wish.get(name)) {
        best[name] = wish.get(name);
      }
    }
    this.#choice.reserve({ best });
  }
}

function select(name, options) {
  if (options.length < 2) {
    return null;
  }
  return h(
    "label",
    {},
    t(`filter-${name}`),
    h("select", { name }, h("option", { value: "" }, t("any")), ...options.map(([value, text]) => h("option", { value }, text))),
  );
}
