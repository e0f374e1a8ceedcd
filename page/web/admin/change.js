// What is said of an event: for a new one, and to change it later.

import { announce, fill, h } from "../shared/dom.js";
import { t } from "../shared/language.js";
import { title } from "../shared/page.js";
import { localTime, utcTime, zone } from "./entry.js";
import { busily, complain, field } from "./fields.js";
import { heading } from "./heading.js";
import { bad, noticeboard } from "./parts.js";
import { said, saidOnce } from "./said.js";
import { ask, insist } from "./session.js";

const TEXTS = ["title", "category", "venue", "city"];
const TIMES = ["starts_at", "sale_opens_at", "sale_closes_at"];
const NUMBERS = ["max_tickets", "hold_seconds"];
const NEEDED = [...TEXTS, "starts_at", "currency"];
const HINTED = ["sale_opens_at", "sale_closes_at", "currency", ...NUMBERS];
// What a field that was emptied goes back to.
const UNSAID = { sale_opens_at: null, sale_closes_at: null, image_url: null, description: "", max_tickets: 10, hold_seconds: 600 };
const CURRENCY = /^[A-Z]{3}$/;

/** Shows the form: empty, or of the event whose id is given. */
export async function show(place, { id }) {
  const event = id && (await ask(`/events/${id}`));
  title(event ? event.title : t("new-event"));
  fill(place, ...(event ? heading(event, "change") : [h("h1", {}, t("new-event"))]), new EventForm(event).element);
}

class EventForm {
  #event;
  #before;
  #notice = noticeboard();

  constructor(event) {
    this.#event = event;
    this.#before = event ? values(event) : {};
    this.element = h(
      "form",
      { class: "entry", novalidate: true, "aria-label": t(event ? "change" : "new-event"), onsubmit: (sent) => this.#submit(sent) },
      h("p", { class: "muted whole" }, t("entry-zone", { zone })),
      ...TEXTS.map((name) => this.#field(name, {})),
      ...TIMES.map((name) => this.#field(name, { type: "datetime-local" })),
      this.#field("currency", { maxlength: 3 }),
      ...NUMBERS.map((name) => this.#field(name, { type: "number" })),
      this.#field("image_url", { type: "url" }),
      this.#field("description", { tag: "textarea", rows: 6, contents: [this.#before.description ?? ""] }),
      this.#notice,
      h("button", { class: "main" }, t(event ? "save" : "create")),
    );
  }

  #field(name, more) {
    return field(name, {
      value: this.#before[name],
      "aria-required": NEEDED.includes(name) && "true",
      autocomplete: "off",
      hint: HINTED.includes(name) && t(`hint-${name}`),
      ...more,
    });
  }

  async #submit(sent) {
    sent.preventDefault();
    const errors = this.#check();
    complain(this.element, this.#notice, errors);
    if (errors.length === 0) {
      await busily(this.element, () => this.#send(this.#body()));
    }
  }

  // A repeated change is the same change; a repeated creation would be a second event.
  async #send(body) {
    try {
      const { id } = this.#event
        ? await insist(`/events/${this.#event.id}`, { method: "PATCH", body })
        : await ask("/events", { method: "POST", body });
      location.hash = `#/events/${id}`;
      announce(t("saved"));
    } catch (refused) {
      if (refused.problem?.errors) {
        complain(this.element, this.#notice, refused.problem.errors);
      } else {
        fill(this.#notice, bad(this.#event ? said(refused) : saidOnce(refused)));
      }
    }
  }

  // What JSON can't even say; all else is the server's to judge.
  #check() {
    const { elements } = this.element;
    const errors = [];
    for (const { name, value, validity } of elements) {
      if (validity.badInput) {
        errors.push({ field: name, reason: t("unreadable") });
      } else if (NEEDED.includes(name) && value.trim() === "") {
        errors.push({ field: name, reason: t("needed") });
      } else if (name === "currency" && !CURRENCY.test(read(name, value))) {
        errors.push({ field: name, reason: t("hint-currency") });
      }
    }
    return errors;
  }

  // The fields that differ from before.
  #body() {
    const fields = [...new FormData(this.element)].map(([name, value]) => [name, value.replaceAll("\r\n", "\n")]);
    const changed = fields.filter(([name, value]) => value !== (this.#before[name] ?? ""));
    return Object.fromEntries(changed.map(([name, value]) => [name, value.trim() === "" ? UNSAID[name] : read(name, value)]));
  }
}

function read(name, value) {
  if (TIMES.includes(name)) {
    return utcTime(value);
  }
  if (NUMBERS.includes(name)) {
    return Number(value);
  }
  return name === "currency" ? value.trim().toUpperCase() : value;
}

// As the fields show it. A sale that closes when the event begins was likely never given
// an end of its own.
function values(event) {
  const times = Object.fromEntries(TIMES.map((name) => [name, localTime(event[name])]));
  const { max_tickets: most, hold_seconds: seconds, image_url: image } = event;
  return {
    ...event,
    ...times,
    sale_closes_at: event.sale_closes_at === event.starts_at ? "" : times.sale_closes_at,
    max_tickets: String(most),
    hold_seconds: String(seconds),
    image_url: image ?? "",
  };
}
