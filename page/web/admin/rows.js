// Tickets by section and row: all that the map can do, without the map.

import { fill, h } from "../shared/dom.js";
import { FREE, WITHDRAWN } from "../shared/fold.js";
import { t } from "../shared/language.js";
import { choice, field } from "./fields.js";
import { button, muted } from "./parts.js";

const SHOWN_MOST = 200;

/** Picks single tickets, rows and whole sections. */
export class RowPicker {
  #tickets;
  #picked;
  #buttons = new Map();
  #single = h("div", { class: "rows", role: "group", "aria-label": t("single") });

  constructor(tickets, picked) {
    this.#tickets = tickets;
    this.#picked = picked;
    const sections = tickets.layout.sections.map((name, at) => [at, name || t("tickets")]);
    const take = (state, words) => button(t(words), () => this.#take(state));
    this.form = h(
      "form",
      { class: "entry", "aria-label": t("by-section"), onsubmit: (event) => event.preventDefault() },
      choice("section", [["", t("any")], ...sections], { onchange: () => this.#rows() }),
      choice("row", [], { onchange: () => this.#show() }),
      field("most", { type: "number", min: 1, hint: t("hint-most") }),
      h("div", { class: "acts whole" }, take(FREE, "pick-free"), take(WITHDRAWN, "pick-withdrawn")),
      this.#single,
    );
    this.element = h("details", { open: !tickets.hasMap }, h("summary", {}, t("by-section")), this.form);
    this.#rows();
  }

  /** Shows anew what changed. */
  changed(ids) {
    ids.forEach((id) => this.#mark(id));
  }

  get #ids() {
    const { row } = this.form.elements;
    const all = this.#ofSection;
    return row.value === "" ? all : all.filter((id) => `row ${this.#tickets.layout.tickets.row[id]}` === row.value);
  }

  get #ofSection() {
    const { value } = this.form.elements.section;
    return value === "" ? [...this.#tickets.states.keys()] : this.#tickets.inSection(Number(value));
  }

  #rows() {
    const { section, row } = this.form.elements;
    const rows = section.value === "" ? [] : this.#ofSection.map((id) => this.#tickets.layout.tickets.row[id]);
    const options = [...new Set(rows)].filter(Boolean).map((name) => h("option", { value: `row ${name}` }, t("row", { row: name })));
    fill(row, h("option", { value: "" }, t("any")), ...options);
    this.#show();
  }

  #take(state) {
    const most = Number(this.form.elements.most.value) || Infinity;
    const ids = this.#ids.filter((id) => this.#tickets.states[id] === state && !this.#picked.picked.has(id));
    this.#picked.take(ids.slice(0, most));
  }

  #show() {
    const ids = this.#ids;
    const { seat } = this.#tickets.layout.tickets;
    const one = (id) => button(seat[id] || String(id + 1), () => this.#picked.toggle(id));
    this.#buttons = new Map(ids.length > SHOWN_MOST ? [] : ids.map((id) => [id, one(id)]));
    fill(this.#single, ids.length > SHOWN_MOST && muted(t("choose-row")), ...this.#buttons.values());
    ids.forEach((id) => this.#mark(id));
  }

  #mark(id) {
    const shown = this.#buttons.get(id);
    if (shown) {
      const isPicked = this.#picked.picked.has(id);
      shown.className = `seat ${isPicked ? "picked" : this.#tickets.state(id)} tier-${this.#tickets.layout.tickets.tier[id] % 8}`;
      shown.setAttribute("aria-pressed", isPicked);
      shown.setAttribute("aria-label", this.#picked.describe(id));
    }
  }
}
