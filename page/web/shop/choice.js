// What the visitor has picked, and the way to reserve it. A lost race costs one click: what
// was taken is named, the rest stays picked, and what is free nearby is offered.

import { announce, fill, h } from "../shared/dom.js";
import { money } from "../shared/format.js";
import { persist, randomKey } from "../shared/http.js";
import { t } from "../shared/language.js";
import { reason } from "../shared/page.js";
import { canKeep, keep } from "./kept.js";

const ON_SALE = ["on_sale", "sold_out"];

/** Picks tickets of one event and reserves them. */
export class Choice {
  /** Ids, in the order in which they were picked. */
  picked = new Set();
  #tickets;
  #changed;
  #show;
  #event;
  #isReserving = false;
  // A wish of which it isn't known whether it was granted, with the key that finds out.
  #open = null;
  #list = h("ul", { class: "picked" });
  #notice = h("div", { role: "alert" });
  #total = h("output", { class: "total" });
  #button = h("button", { type: "button", class: "main", onclick: () => this.#reservePicked() });

  /** `changed` hears of tickets to show anew, `show` of tickets to bring into view. */
  constructor(event, tickets, changed, show) {
    this.#event = event;
    this.#tickets = tickets;
    this.#changed = changed;
    this.#show = show;
    this.element = h(
      "section",
      { class: "choice", "aria-label": t("choice") },
      h("h2", {}, t("choice")),
      this.#list,
      this.#notice,
      h("div", { class: "choice-end" }, this.#total, this.#button),
    );
    this.#draw();
    // The way back may lead to this very page, kept as it was left.
    addEventListener("pageshow", ({ persisted }) => persisted && this.#rest());
  }

  /** The event as it is now. */
  sell(event) {
    const isOther = event.status !== this.#event.status;
    this.#event = event;
    if (isOther) {
      this.#draw();
    }
  }

  get event() {
    return this.#event;
  }

  get currency() {
    return this.#event.currency;
  }

  /** A ticket in a sentence: where, for how much, and whether it can be had. */
  describe(id) {
    const state = this.picked.has(id) ? "picked" : this.#tickets.state(id);
    const { name, price } = this.#tickets.tier(id);
    return [this.#tickets.name(id), `${name} ${money(price, this.currency)}`, t(`state-${state}`)].join(" · ");
  }

  /** Picks a ticket, or lets go of it. */
  toggle(id) {
    if (this.#isReserving) {
      return;
    }
    if (this.picked.delete(id)) {
      announce(`${this.#tickets.name(id)}: ${t("let-go")}`);
    } else if (!this.#tickets.isFree(id)) {
      announce(this.describe(id));
      return;
    } else if (this.picked.size >= this.#event.max_tickets) {
      fill(this.#notice, h("p", { class: "notice" }, t("at-most", { n: this.#event.max_tickets })));
      return;
    } else {
      this.picked.add(id);
      announce(this.describe(id));
    }
    fill(this.#notice);
    this.#refresh([id]);
  }

  /** Lets go of tickets that somebody else has by now. */
  lose(ids) {
    // While our own reservation is under way, or may have been made, its tickets become
    // pending too.
    if (!this.#isReserving && this.#open === null) {
      this.#lost(ids.filter((id) => this.picked.has(id) && !this.#tickets.isFree(id)));
    }
  }

  /** Reserves what `wish` says, and goes to the reservation. */
  async reserve(wish) {
    if (this.#isReserving) {
      return;
    }
    if (!canKeep()) {
      fill(this.#notice, h("p", { class: "notice bad" }, t("cant-keep")));
      return;
    }
    this.#isReserving = true;
    this.#draw();
    try {
      const made = await this.#ask(wish);
      keep({ id: made.id, token: made.token, event: made.event, title: this.#event.title, made: made.created_at });
      this.#refresh(this.#letGo());
      location.assign(`/?reservation=${made.id}`);
    } catch (refused) {
      this.#isReserving = false;
      this.#refuse(refused);
    }
  }

  // The same wish after no answer is the same request: what it may have made is found again.
  async #ask(wish) {
    const body = JSON.stringify(wish);
    if (this.#open?.body !== body) {
      this.#open = { body, key: randomKey() };
    }
    const { key } = this.#open;
    try {
      const made = await persist(`/v1/events/${this.#event.id}/reservations`, {
        method: "POST",
        body: wish,
        headers: { "Idempotency-Key": key },
      });
      this.#open = null;
      return made;
    } catch (refused) {
      this.#open = refused.leavesUnknown ? this.#open : null;
      throw refused;
    }
  }

  #letGo() {
    const ids = [...this.picked];
    this.picked.clear();
    return ids;
  }

  #rest() {
    this.#isReserving = false;
    this.#draw();
  }

  #reservePicked() {
    return this.reserve({ tickets: [...this.picked] });
  }

  #refuse(refused) {
    const taken = refused.slug === "tickets-taken" ? refused.problem.taken.map(({ id }) => id) : [];
    if (taken.length > 0) {
      this.#lost(taken);
      return;
    }
    // What was told in the meantime counts now, unless it may be our own doing.
    if (!refused.leavesUnknown) {
      this.lose([...this.picked]);
    }
    fill(this.#notice, h("p", { class: "notice bad" }, reason(refused)));
    this.#draw();
  }

  #lost(taken) {
    if (taken.length === 0) {
      return;
    }
    taken.forEach((id) => this.picked.delete(id));
    const names = taken.map((id) => this.#tickets.name(id)).join("; ");
    const offer = this.#offer(taken);
    const take = () => {
      fill(this.#notice);
      offer.forEach((id) => this.#tickets.isFree(id) && this.picked.add(id));
      this.#refresh(offer);
    };
    fill(
      this.#notice,
      h(
        "div",
        { class: "notice bad" },
        h("p", {}, t("lost", { n: taken.length, names })),
        offer.length > 0 && h("p", {}, t("offer", { names: offer.map((id) => this.#tickets.name(id)).join("; ") })),
        offer.length > 0 && h("button", { type: "button", onclick: take }, t("take-offer")),
      ),
    );
    this.#show([...taken, ...offer]);
    this.#refresh(taken);
  }

  // For each ticket that was lost the nearest one that is free.
  #offer(taken) {
    const offered = new Set();
    const isWanted = (id) => !this.picked.has(id) && !offered.has(id) && !taken.includes(id);
    for (const id of taken) {
      const near = this.#tickets.nearest(id, isWanted);
      if (near !== null) {
        offered.add(near);
      }
    }
    return [...offered];
  }

  #refresh(ids) {
    this.#changed(ids);
    this.#draw();
  }

  #draw() {
    const items = [...this.picked].map((id) => this.#item(id));
    fill(this.#list, ...(items.length > 0 ? items : [h("li", { class: "muted" }, t("choice-empty"))]));
    const total = [...this.picked].reduce((sum, id) => sum + this.#tickets.tier(id).price, 0);
    fill(this.#total, items.length > 0 ? money(total, this.currency) : "");
    fill(this.#button, t(this.#isReserving ? "reserving" : "reserve"));
    const isOpen = ON_SALE.includes(this.#event.status);
    this.#button.disabled = this.#isReserving || !isOpen || items.length === 0;
  }

  // The button goes with its ticket: the focus moves to the next one.
  #remove(id) {
    const at = [...this.picked].indexOf(id);
    this.toggle(id);
    const buttons = this.#list.querySelectorAll("button");
    (buttons[Math.min(at, buttons.length - 1)] ?? this.#button).focus();
  }

  #item(id) {
    const name = this.#tickets.name(id);
    return h(
      "li",
      {},
      h("span", {}, name),
      h("span", { class: "price" }, money(this.#tickets.tier(id).price, this.currency)),
      h("button", { type: "button", class: "plain", "aria-label": t("remove", { name }), onclick: () => this.#remove(id) }, "×"),
    );
  }
}
