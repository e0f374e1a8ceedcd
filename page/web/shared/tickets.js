// An event's tickets: what never changes about them, and what does.

import { FREE } from "./fold.js";
import { t } from "./language.js";

const STATES = ["free", "pending", "sold", "withdrawn"];

/** A layout and a fold of the availability, as one. */
export class Tickets {
  #members;

  constructor(layout, fold) {
    this.layout = layout;
    this.fold = fold;
    this.#members = layout.sections.map(() => []);
    layout.tickets.section.forEach((section, id) => this.#members[section].push(id));
  }

  get states() {
    return this.fold.states;
  }

  get hasMap() {
    return (this.layout.tickets.x?.length ?? 0) > 0;
  }

  /** The ids of a section's tickets, in order. */
  inSection(section) {
    return this.#members[section];
  }

  /** How many of a section's tickets are free. */
  freeIn(section) {
    return this.#members[section].reduce((free, id) => free + (this.states[id] === FREE), 0);
  }

  isFree(id) {
    return this.states[id] === FREE;
  }

  /** `free`, `pending`, `sold` or `withdrawn`. */
  state(id) {
    return STATES[this.states[id]];
  }

  tier(id) {
    return this.layout.tiers[this.layout.tickets.tier[id]];
  }

  /** Where a ticket is, as a person would say it. */
  name(id) {
    const { section, row, seat } = this.layout.tickets;
    return place({ id, section: this.layout.sections[section[id]], row: row[id], seat: seat[id] });
  }

  /** The free ticket nearest to one, by its place if there are places, else by its number,
   * of the same tier before others; null when none is left. */
  nearest(id, isWanted) {
    const { x, y, tier } = this.layout.tickets;
    const away = this.hasMap
      ? (other) => (x[other] - x[id]) ** 2 + (y[other] - y[id]) ** 2
      : (other) => Math.abs(other - id);
    let best = { isSame: false, distance: Infinity, id: null };
    for (let other = 0; other < this.states.length; other += 1) {
      if (this.isFree(other) && isWanted(other)) {
        const [isSame, distance] = [tier[other] === tier[id], away(other)];
        if (isSame !== best.isSame ? isSame : distance < best.distance) {
          best = { isSame, distance, id: other };
        }
      }
    }
    return best.id;
  }
}

/** Where a ticket is; one without a row and a number has only its own. */
export function place({ id, section, row, seat }) {
  const parts = [section, row && t("row", { row }), seat && t("seat", { seat })].filter(Boolean);
  return row || seat ? parts.join(", ") : `${section} ${t("ticket-number", { number: id + 1 })}`.trim();
}
