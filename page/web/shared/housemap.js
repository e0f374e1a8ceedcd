// The seat map with what surrounds it: buttons, a legend, a tooltip.

import { announce, fill, h } from "./dom.js";
import { money, number } from "./format.js";
import { speak, t } from "./language.js";
import { SeatMap } from "./seatmap.js";

speak({
  en: { "map-role": "seat map", "zoom-in": "Closer", "zoom-out": "Farther", "zoom-fit": "Show all", legend: "What the marks mean" },
  ru: { "map-role": "схема зала", "zoom-in": "Ближе", "zoom-out": "Дальше", "zoom-fit": "Показать всё", legend: "Что значат знаки" },
});

const MARKS = { free: "●", picked: "◉", pending: "◌", sold: "×", withdrawn: "•" };
const BUTTONS = { in: ["+", (map) => map.zoom(1.6)], out: ["−", (map) => map.zoom(1 / 1.6)], fit: ["⤢", (map) => map.fit()] };
const TIER_COLOURS = 8;

/** The map as a view of the tickets. `choice` says what is picked: a set of ids, a sentence
 * on a ticket, and what becomes of one that is picked. */
export class HouseMap {
  #map;
  #choice;
  #pointed = null;
  #tooltip = h("div", { class: "tooltip", hidden: true });

  constructor(tickets, choice, { currency }) {
    this.#choice = choice;
    const { layout } = tickets;
    const canvas = h("canvas", { "aria-label": t("map-label"), "aria-roledescription": t("map-role") });
    this.element = h("div", {}, h("div", { class: "map" }, canvas, this.#tooltip, this.#buttons()), legend(layout.tiers, currency));
    this.#map = new SeatMap(canvas, {
      layout,
      states: tickets.states,
      picked: choice.picked,
      onPick: (id) => choice.toggle(id),
      onPoint: (id, at) => this.#point(id, at),
      describeSection: (section, { free, total }) => `${layout.sections[section]} · ${number(free)} / ${number(total)}`,
    });
  }

  /** Repaints some tickets. */
  changed(ids) {
    this.#map.changed(ids);
    if (ids.includes(this.#pointed)) {
      fill(this.#tooltip, this.#choice.describe(this.#pointed));
    }
  }

  /** Brings some tickets into view. */
  show(ids) {
    this.#map.show(ids);
  }

  /** Stops when the view is left. */
  begin(signal) {
    signal.addEventListener("abort", () => this.#map.destroy());
  }

  #buttons() {
    const buttons = Object.entries(BUTTONS).map(([name, [sign, act]]) => {
      const label = t(`zoom-${name}`);
      return h("button", { type: "button", "aria-label": label, title: label, onclick: () => act(this.#map) }, sign);
    });
    return h("div", { class: "map-buttons" }, ...buttons);
  }

  #point(id, at) {
    this.#pointed = id;
    this.#tooltip.hidden = id === null;
    if (id === null) {
      return;
    }
    fill(this.#tooltip, this.#choice.describe(id));
    const isRight = at.x > this.element.clientWidth / 2;
    this.#tooltip.style.transform = `translate(${at.x}px, ${at.y}px) translate(${isRight ? "-100%" : "0"}, -130%)`;
    announce(this.#tooltip.textContent);
  }
}

function legend(tiers, currency) {
  const classes = tiers.map((_, at) => `swatch tier-${at % TIER_COLOURS}`);
  const prices = tiers.map(({ name, price }, at) => [classes[at], "", `${name} ${money(price, currency)}`]);
  const states = Object.entries(MARKS).map(([state, mark]) => ["mark", mark, t(`state-${state}`)]);
  const items = [...prices, ...states].map(([kind, mark, text]) =>
    h("li", {}, h("span", { class: kind, "aria-hidden": "true" }, mark), text),
  );
  return h("ul", { class: "legend", "aria-label": t("legend") }, ...items);
}
