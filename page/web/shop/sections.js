// The tickets as a list by section: the same as the map, without the map.

import { fill, h } from "../shared/dom.js";
import { money, number } from "../shared/format.js";
import { t } from "../shared/language.js";

/** The list as a view of the tickets. */
export class SectionList {
  #sections;
  #ofTicket;
  #dirty = new Set();

  constructor(tickets, choice) {
    this.#ofTicket = tickets.layout.tickets.section;
    this.#sections = tickets.layout.sections.map((_, at) => new Section(tickets, choice, at));
    if (this.#sections.length === 1 && !tickets.hasMap) {
      this.#sections[0].open();
    }
    this.element = h(
      "section",
      { class: "sections", "aria-label": t("view-list") },
      ...this.#sections.map((section) => section.element),
    );
  }

  /** Says anew what changed, once a frame. */
  changed(ids) {
    if (this.#dirty.size === 0 && ids.length > 0) {
      requestAnimationFrame(() => this.#flush());
    }
    ids.forEach((id) => this.#dirty.add(id));
  }

  #flush() {
    const sections = new Set([...this.#dirty].map((id) => this.#ofTicket[id]));
    sections.forEach((at) => this.#sections[at].count());
    this.#dirty.forEach((id) => this.#sections[this.#ofTicket[id]].mark(id));
    this.#dirty.clear();
  }
}

class Section {
  #tickets;
  #choice;
  #at;
  #summary = h("span", { class: "muted" });
  #body = h("div", { class: "rows" });
  #buttons = null;
  #prices = "";

  constructor(tickets, choice, at) {
    this.#tickets = tickets;
    this.#choice = choice;
    this.#at = at;
    const name = tickets.layout.sections[at] || t("tickets");
    this.element = h(
      "details",
      { ontoggle: () => this.element.open && this.#buttons === null && this.#build() },
      h("summary", {}, h("strong", {}, name), " ", this.#summary),
      this.#body,
    );
    this.count();
  }

  open() {
    this.element.open = true;
  }

  /** Says how many are free. */
  count() {
    const total = number(this.#tickets.inSection(this.#at).length);
    fill(this.#summary, t("free-of", { n: this.#tickets.freeIn(this.#at), total }), " · ", this.#price());
  }

  /** Shows a ticket's present state. */
  mark(id) {
    const button = this.#buttons?.get(id);
    if (!button) {
      return;
    }
    const isPicked = this.#choice.picked.has(id);
    const state = this.#tickets.state(id);
    button.className = `seat ${isPicked ? "picked" : state} tier-${this.#tickets.layout.tickets.tier[id] % 8}`;
    button.setAttribute("aria-pressed", isPicked);
    button.setAttribute("aria-disabled", state !== "free");
    button.setAttribute("aria-label", this.#choice.describe(id));
  }

  #price() {
    if (this.#prices === "") {
      const tiers = new Set(this.#tickets.inSection(this.#at).map((id) => this.#tickets.tier(id).price));
      const ends = new Set([Math.min(...tiers), Math.max(...tiers)]);
      this.#prices = [...ends].map((price) => money(price, this.#choice.currency)).join(" – ");
    }
    return this.#prices;
  }

  #build() {
    this.#buttons = new Map();
    const { row, seat } = this.#tickets.layout.tickets;
    const ids = this.#tickets.inSection(this.#at);
    if (ids.every((id) => !row[id] && !seat[id])) {
      fill(this.#body, this.#anyOne(ids));
      return;
    }
    const rows = Map.groupBy(ids, (id) => row[id]);
    const lines = [...rows].map(([name, members]) =>
      h(
        "div",
        { class: "row", role: "group", "aria-label": t("row", { row: name }) },
        h("span", { class: "row-name", "aria-hidden": "true" }, name),
        ...members.map((id) => this.#button(id, seat[id] || String(id + 1))),
      ),
    );
    fill(this.#body, ...lines);
    rove(this.#body);
  }

  #button(id, text) {
    const button = h("button", { type: "button", onclick: () => this.#choice.toggle(id) }, text);
    this.#buttons.set(id, button);
    this.mark(id);
    return button;
  }

  // Tickets that are all alike: any free one will do, and a random one loses no race.
  #anyOne(ids) {
    const add = () => {
      const free = ids.filter((id) => this.#tickets.isFree(id) && !this.#choice.picked.has(id));
      if (free.length > 0) {
        this.#choice.toggle(free[Math.floor(Math.random() * free.length)]);
      }
    };
    return h("button", { type: "button", onclick: add }, t("add-one"));
  }
}

// One stop for the Tab key a section; the arrows move within it.
function rove(body) {
  const buttons = body.querySelectorAll("button");
  buttons.forEach((button, at) => (button.tabIndex = at === 0 ? 0 : -1));
  let [stop] = buttons;
  body.addEventListener("keydown", (event) => {
    const next = neighbour(event.key, event.target);
    if (next) {
      event.preventDefault();
      focus(next);
    }
  });
  body.addEventListener("focusin", (event) => focus(event.target, false));

  function focus(button, isMoved = true) {
    stop.tabIndex = -1;
    stop = button;
    stop.tabIndex = 0;
    if (isMoved) {
      button.focus();
    }
  }
}

function neighbour(key, button) {
  const row = button.parentElement;
  const at = [...row.children].indexOf(button);
  const beside = { ArrowLeft: button.previousElementSibling, ArrowRight: button.nextElementSibling }[key];
  const other = { ArrowUp: row.previousElementSibling, ArrowDown: row.nextElementSibling }[key];
  const found = beside ?? (other && other.children[Math.min(at, other.children.length - 1)]);
  return found?.matches("button") ? found : null;
}
