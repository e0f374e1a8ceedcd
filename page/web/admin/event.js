// One event: how its sale goes, its tickets, and what can be done with it.

import { announce, fill, h } from "../shared/dom.js";
import { Fold } from "../shared/fold.js";
import { money } from "../shared/format.js";
import { t } from "../shared/language.js";
import { Tickets } from "../shared/tickets.js";
import { HouseMap } from "../shared/housemap.js";
import { about, figures, heading } from "./heading.js";
import { cancelPanel, publishPanel } from "./life.js";
import { good, land, muted, panel } from "./parts.js";
import { Picked } from "./picked.js";
import { poll } from "./poll.js";
import { RowPicker } from "./rows.js";
import { SalesPanel } from "./sales.js";
import { trouble } from "./said.js";
import { ask } from "./session.js";
import { UploadForm } from "./upload.js";

/** Shows the event and follows it; `message` says what has just been done. */
export async function show(place, { signal, id, message }) {
  const path = `/events/${id}`;
  const [event, layout, availability, sales] = await Promise.all(
    ["", "/layout", "/availability", "/sales"].map((part) => ask(path + part)),
  );
  if (signal.aborted) {
    return;
  }
  const once = new AbortController();
  const reload = (words) => {
    once.abort();
    return show(place, { signal, id, message: words }).catch((error) => fill(place, trouble(error, reload)));
  };
  const tickets = new Tickets(layout, new Fold(availability));
  const page = new EventPage(event, tickets, { signal: AbortSignal.any([signal, once.signal]), reload });
  page.update(event, sales);
  fill(place, ...heading(event, "overview").slice(0, -1), message && good(message), page.element);
  page.begin();
  if (message) {
    land(place.querySelector("h1"));
    announce(message);
  }
}

class EventPage {
  #path;
  #event;
  #tickets;
  #signal;
  #reload;
  #about = h("div", {});
  #figures = h("div", {});
  #sales;
  #upload = null;
  #views = [];
  #hurry = () => {};

  constructor(event, tickets, { signal, reload }) {
    this.#path = `/events/${event.id}`;
    this.#event = event;
    this.#tickets = tickets;
    this.#signal = signal;
    this.#reload = reload;
    this.#sales = new SalesPanel(tickets);
    const isDraft = event.status === "draft";
    this.#upload = isDraft ? new UploadForm(event, reload) : null;
    this.element = h(
      "article",
      { class: "parts" },
      h("div", {}, this.#about, this.#figures),
      this.#upload?.element,
      isDraft && publishPanel(event, reload),
      !isDraft && this.#sales.element,
      tickets.states.length > 0 && this.#pickable(),
      event.status !== "cancelled" && cancelPanel(event, reload),
    );
  }

  /** Shows how the event stands. */
  update(event, sales) {
    if (JSON.stringify(event) !== JSON.stringify(this.#event) || !this.#about.hasChildNodes()) {
      fill(this.#about, about(event));
    }
    this.#event = event;
    if (sales) {
      fill(this.#figures, figures(event.counts, money(sales.revenue, sales.currency)));
      this.#sales.update(sales);
    }
  }

  /** Starts what needs to be in the document, and following. */
  begin() {
    this.#views.forEach((view) => view.begin?.(this.#signal));
    this.#hurry = poll(this.#signal, () => this.#refresh());
  }

  #pickable() {
    const tickets = this.#tickets;
    const picked = new Picked(tickets, this.#event, {
      changed: (ids) => this.#views.forEach((view) => view.changed(ids)),
      hurry: () => this.#hurry(),
    });
    const rows = new RowPicker(tickets, picked);
    const map = tickets.hasMap ? new HouseMap(tickets, picked, this.#event) : null;
    this.#views = [map, rows, picked].filter(Boolean);
    return panel(
      "tickets",
      muted(t("tickets-explained")),
      h(
        "div",
        { class: "event-grid" },
        h("div", { class: "event-tickets" }, map?.element, rows.element),
        h("div", { class: "event-side" }, picked.element),
      ),
    );
  }

  // Only what changed is asked for: availability may have a letter for each of 200,000 tickets.
  async #refresh() {
    const event = await ask(this.#path);
    if (this.#signal.aborted || this.#mustBeginAnew(event)) {
      return;
    }
    this.update(event);
    const { fold } = this.#tickets;
    if (event.rev === fold.rev) {
      return;
    }
    const availability = await ask(`${this.#path}/availability`);
    const sales = await ask(`${this.#path}/sales`);
    if (!this.#signal.aborted && availability.states.length === fold.states.length) {
      const changed = fold.replace(availability);
      this.#views.forEach((view) => view.changed(changed));
      this.update({ ...event, counts: availability.counts }, sales);
    }
  }

  #mustBeginAnew(event) {
    const hasOtherParts = ["draft", "cancelled"].some((status) => (event.status === status) !== (this.#event.status === status));
    const isLonger = event.counts.total !== this.#tickets.states.length && !this.#upload?.isSending;
    if (hasOtherParts || isLonger) {
      this.#reload();
      return true;
    }
    return false;
  }
}
