// The programme: cards of events, filters that live in the address, counts that are live.

import { announce, fill, h } from "../shared/dom.js";
import { call } from "../shared/http.js";
import { t } from "../shared/language.js";
import { Live } from "../shared/live.js";
import { failure, lagBanner, title } from "../shared/page.js";
import { Card } from "./card.js";

const FILTERS = ["q", "category", "city", "from", "to"];
const PAGE = 24;
const TYPING_MS = 300;

/** Shows the programme as the address filters it. */
export function show(main, address) {
  title(t("programme"));
  const programme = new Programme();
  fill(main, h("h1", {}, t("programme")), filters(address, (wish) => programme.load(wish)), programme.element);
  programme.load(address);
  new Live({
    greet: () => [{ op: "catalog" }],
    hear: (message) => message.op === "counts" && programme.count(message.events),
    lag: lagBanner(),
  });
}

class Programme {
  #cards = new Map();
  // The latest counts of every event, whether it is shown yet or not.
  #counts = new Map();
  #list = h("ul", { class: "cards" });
  #end = h("div", { class: "end" });
  #wish = new URLSearchParams();
  #cursor = null;
  #turn = 0;
  #nearing;

  constructor() {
    this.element = h("section", { "aria-label": t("programme") }, this.#list, this.#end);
    this.#nearing = new IntersectionObserver(
      (entries) => entries.at(-1).isIntersecting && this.#cursor && this.#more(),
      { rootMargin: "600px" },
    );
  }

  /** Starts over with other filters. */
  async load(wish) {
    this.#wish = wish;
    this.#cursor = null;
    await this.#page(true);
  }

  /** Takes the counts of some events. */
  count(events) {
    for (const [id, counts] of Object.entries(events)) {
      this.#counts.set(id, counts);
      this.#cards.get(id)?.count(counts);
    }
  }

  #more() {
    return this.#page(false);
  }

  async #page(isFirst) {
    // What was asked for before is no longer wanted when it comes.
    this.#turn += 1;
    const turn = this.#turn;
    const cursor = isFirst ? null : this.#cursor;
    const query = question(this.#wish, cursor);
    this.#cursor = null;
    fill(this.#end, h("p", { class: "muted", role: "status" }, t("loading")));
    try {
      const { events, next_cursor: next } = await call(`/v1/events?${query}`);
      if (turn === this.#turn) {
        this.#add(events, isFirst, next);
      }
    } catch (error) {
      if (turn === this.#turn) {
        this.#fail(error, cursor);
      }
    }
  }

  // What was there stays, unless it was asked for otherwise.
  #fail(error, cursor) {
    if (cursor === null) {
      this.#clear();
    }
    const again = () => {
      this.#cursor = cursor;
      this.#page(cursor === null);
    };
    fill(this.#end, failure(error, again));
  }

  #clear() {
    this.#cards.clear();
    this.#list.replaceChildren();
  }

  #add(events, isFirst, next) {
    if (isFirst) {
      this.#clear();
    }
    for (const event of events) {
      const card = new Card({ ...event, counts: this.#counts.get(event.id) ?? event.counts });
      this.#cards.set(event.id, card);
      this.#list.append(card.element);
    }
    this.#cursor = next;
    if (this.#cards.size === 0) {
      fill(this.#end, h("p", { class: "notice" }, t("nothing")));
    } else {
      fill(this.#end, next && h("button", { type: "button", onclick: () => this.#more() }, t("more")));
    }
    announce(t("found", { n: this.#cards.size }));
    // Told anew whether the end is near: it may be, still.
    this.#nearing.unobserve(this.#end);
    this.#nearing.observe(this.#end);
  }
}

function question(wish, cursor) {
  const query = new URLSearchParams({ limit: PAGE });
  for (const name of FILTERS) {
    const value = wish.get(name)?.trim();
    if (value) {
      query.set(name, moment(name, value));
    }
  }
  if (cursor) {
    query.set("cursor", cursor);
  }
  return query;
}

// A day as the reader means it: from its first moment to the last.
function moment(name, value) {
  const hour = { from: "T00:00:00", to: "T23:59:59.999" }[name];
  const at = hour && new Date(value + hour);
  return at && !Number.isNaN(at.getTime()) ? at.toISOString() : value;
}

function filters(address, load) {
  const field = (name, type) =>
    h(
      "label",
      {},
      t(`filter-${name}`),
      h("input", { name, type, value: address.get(name) ?? "", maxlength: 100, autocomplete: "off" }),
    );
  const form = h(
    "form",
    { class: "filters", role: "search", "aria-label": t("filters") },
    field("q", "search"),
    field("category", "search"),
    field("city", "search"),
    field("from", "date"),
    field("to", "date"),
    h("button", { type: "reset", class: "plain" }, t("clear")),
  );
  let typing = 0;
  const take = () => {
    clearTimeout(typing);
    const wish = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    history.replaceState(null, "", wish.size > 0 ? `?${wish}` : "/");
    load(wish);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    take();
  });
  form.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(take, TYPING_MS);
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    form.querySelectorAll("input").forEach((input) => (input.value = ""));
    take();
  });
  return form;
}
