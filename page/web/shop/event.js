// One event: what it is, its tickets as a map and as a list, and what the visitor picks.

import { announce, fill, h } from "../shared/dom.js";
import { Fold } from "../shared/fold.js";
import { date } from "../shared/format.js";
import { HouseMap } from "../shared/housemap.js";
import { call } from "../shared/http.js";
import { t } from "../shared/language.js";
import { Live } from "../shared/live.js";
import { failure, lagBanner, title } from "../shared/page.js";
import { Tickets } from "../shared/tickets.js";
import { BestForm } from "./best.js";
import { Card, standing } from "./card.js";
import { Choice } from "./choice.js";
import { SectionList } from "./sections.js";

/** Shows the event that the address names. */
export async function show(main, address) {
  fill(main, h("p", { class: "muted", role: "status" }, t("loading")));
  const path = `/v1/events/${encodeURIComponent(address.get("event"))}`;
  try {
    const [detail, layout, availability] = await Promise.all(
      ["", "/layout", "/availability"].map((part) => call(path + part)),
    );
    const page = new EventPage(detail, new Tickets(layout, new Fold(availability)));
    fill(main, page.element);
    page.goLive();
    page.showSimilar(path);
  } catch (error) {
    fill(main, failure(error, () => show(main, address)));
  }
}

class EventPage {
  #detail;
  #tickets;
  #head = h("header", { class: "event" });
  #stand = h("p", { class: "stand" });
  #isBehind = false;
  #choice;
  #views;
  #similar = h("section", { class: "similar" });

  constructor(detail, tickets) {
    this.#tickets = tickets;
    this.#choice = new Choice(
      detail,
      tickets,
      (ids) => this.#views.forEach((view) => view.changed(ids)),
      (ids) => this.#views.forEach((view) => view.show?.(ids)),
    );
    const best = new BestForm(tickets, this.#choice);
    const list = new SectionList(tickets, this.#choice);
    const map = tickets.hasMap ? new HouseMap(tickets, this.#choice, detail) : null;
    this.#views = [map, list].filter(Boolean);
    this.element = h(
      "article",
      {},
      this.#head,
      h(
        "div",
        { class: "event-grid" },
        h("div", { class: "event-tickets" }, ...views(map, list)),
        h("div", { class: "event-side" }, best.element, this.#choice.element),
      ),
      this.#similar,
    );
    this.#describe(detail);
  }

  /** Follows the event from where its availability stands. */
  goLive() {
    const event = this.#detail.id;
    const { fold } = this.#tickets;
    // What it is and what is free were asked for apart: what happened between them counts.
    let since = this.#detail.rev < fold.rev ? this.#detail.rev : fold.rev;
    const live = new Live({
      greet: () => [{ op: "subscribe", event, since }],
      hear: (message) => {
        const isKnown = this.#hear(message);
        since = fold.rev;
        if (!isKnown && !this.#isBehind) {
          live.send({ op: "subscribe", event });
        }
        this.#isBehind = !isKnown;
      },
      lag: lagBanner(),
    });
  }

  /** Events alike, below. */
  async showSimilar(path) {
    const { events } = await call(`${path}/similar?limit=4`).catch(() => ({ events: [] }));
    if (events.length > 0) {
      const cards = h("ul", { class: "cards" }, ...events.map((event) => new Card(event).element));
      fill(this.#similar, h("h2", {}, t("similar")), cards);
    }
  }

  // Whether the message fitted to what is known.
  #hear(message) {
    switch (message.op) {
      case "snapshot":
        return this.#changed(this.#tickets.fold.replace(message));
      case "delta": {
        const changed = this.#tickets.fold.apply(message);
        return changed !== null && this.#changed(changed);
      }
      case "event":
        this.#describe(message.detail);
        return true;
      default:
        return true;
    }
  }

  #changed(ids) {
    this.#choice.lose(ids);
    this.#views.forEach((view) => view.changed(ids));
    this.#detail.counts = this.#tickets.fold.counts;
    fill(this.#stand, ...standing(this.#detail));
    return true;
  }

  #describe(detail) {
    const isNews = this.#detail && this.#detail.status !== detail.status;
    this.#detail = detail;
    this.#choice.sell(detail);
    title(detail.title);
    fill(this.#stand, ...standing(detail));
    fill(this.#head, ...heading(detail, this.#stand));
    if (isNews) {
      announce(this.#stand.textContent);
    }
  }
}

function heading(detail, stand) {
  const opens = detail.status === "upcoming" && detail.sale_opens_at;
  return [
    h("p", { class: "kind" }, detail.category),
    h("h1", {}, detail.title),
    h(
      "p",
      {},
      h("time", { datetime: detail.starts_at }, date(detail.starts_at)),
      ` · ${detail.venue}, ${detail.city}`,
    ),
    stand,
    opens && h("p", { class: "notice" }, t("opens", { time: date(opens) })),
    detail.description && h("p", { class: "description" }, detail.description),
  ];
}

// The map and the list are two ways to the same tickets: one is seen, a button changes.
function views(map, list) {
  if (!map) {
    return [list.element];
  }
  const parts = { map: map.element, list: list.element };
  const buttons = Object.keys(parts).map((name) =>
    h("button", { type: "button", onclick: () => choose(name) }, t(`view-${name}`)),
  );
  const choose = (chosen) =>
    Object.keys(parts).forEach((name, at) => {
      parts[name].hidden = name !== chosen;
      buttons[at].setAttribute("aria-pressed", name === chosen);
    });
  choose("map");
  return [h("div", { class: "switch", role: "group", "aria-label": t("view") }, ...buttons), map.element, list.element];
}
