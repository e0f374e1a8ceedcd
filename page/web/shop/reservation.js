// One reservation, from its countdown to its tickets. What it says is the core's word: it is
// asked again whenever the event's tickets change, and at a pace of its own.

import { announce, fill, h } from "../shared/dom.js";
import { countdown, money } from "../shared/format.js";
import { call, persist, serverNow } from "../shared/http.js";
import { t } from "../shared/language.js";
import { Live } from "../shared/live.js";
import { failure, lagBanner, reason, title } from "../shared/page.js";
import { place } from "../shared/tickets.js";
import { find } from "./kept.js";
import { passes } from "./passes.js";

// How long until the core is asked again, by what is awaited: mostly it is a message that
// says when. What has ended may still change, if money comes late, so that is asked for less
// and less.
const ASK_MS = { settling: 1_500, pending: 30_000, refund_due: 3_000, released: 5_000, expired: 5_000 };
const ENDED = ["released", "expired"];
const LATE_MOST_MS = 300_000;
// What all pages of an event hear at once isn't to make them all ask at once.
const SPREAD_MS = 2_000;

/** Shows the reservation that the address names. */
export async function show(main, address) {
  const mine = find(address.get("reservation"));
  title(t("reservation"));
  if (!mine) {
    fill(main, h("h1", {}, t("reservation")), h("p", { class: "notice bad" }, t("not-mine")));
    return;
  }
  const page = new ReservationPage(mine, address.has("paid"));
  fill(main, page.element);
  await page.ask();
  page.follow();
}

class ReservationPage {
  #mine;
  #path;
  #cameFromPaying;
  #now = null;
  #drawn = null;
  #asking = 0;
  #turn = 0;
  #endedAsks = 0;
  #isUnheard = false;
  #ticking = 0;
  #notice = h("div", { role: "alert" });
  #state = h("div", { class: "reservation-state" });
  #act = h("div", {});
  #tickets = h("div", {});

  constructor(mine, cameFromPaying) {
    this.#mine = mine;
    this.#path = `/v1/reservations/${mine.id}`;
    this.#cameFromPaying = cameFromPaying;
    this.element = h(
      "article",
      { class: "reservation" },
      h("h1", {}, h("a", { href: `/?event=${mine.event}` }, mine.title)),
      this.#state,
      this.#notice,
      this.#act,
      this.#tickets,
    );
  }

  /** Asks the core, shows what it says, and asks again when that may have changed. */
  async ask() {
    clearTimeout(this.#asking);
    this.#turn += 1;
    const turn = this.#turn;
    const [reservation, refused] = await this.#question();
    // What was asked later knows better.
    if (turn !== this.#turn) {
      return;
    }
    this.#hear(refused);
    if (reservation) {
      this.#take(reservation);
      this.#later(this.#pace());
    } else if (refused.isPassing) {
      this.#later(ASK_MS.refund_due);
    }
  }

  /** Asks at once when the event's tickets change, and when the page is looked at again. */
  follow() {
    let since;
    new Live({
      greet: () => [{ op: "subscribe", event: this.#mine.event, since }],
      hear: (message) => {
        // The first one tells what was asked for a moment ago.
        const isFirst = since === undefined;
        since = message.rev ?? since;
        if (!isFirst && this.#concerns(message)) {
          this.#later(message.op === "delta" ? 1 : SPREAD_MS * Math.random() + 1);
        }
      },
      lag: lagBanner(),
    });
    document.addEventListener("visibilitychange", () => document.hidden || this.ask());
  }

  async #question() {
    try {
      return [await call(this.#path, { token: this.#mine.token }), null];
    } catch (refused) {
      return [null, refused];
    }
  }

  // Says once that nothing is heard, and takes that back.
  #hear(refused) {
    if (refused && !this.#isUnheard) {
      fill(this.#notice, failure(refused, () => this.ask()));
    } else if (!refused && this.#isUnheard) {
      fill(this.#notice);
    }
    this.#isUnheard = refused !== null;
  }

  #pace() {
    if (this.#isSettling) {
      return ASK_MS.settling;
    }
    const { state } = this.#now;
    this.#endedAsks = ENDED.includes(state) ? this.#endedAsks + 1 : 0;
    return ASK_MS[state] && Math.min(LATE_MOST_MS, ASK_MS[state] * 2 ** this.#endedAsks);
  }

  #later(milliseconds) {
    clearTimeout(this.#asking);
    if (milliseconds && !document.hidden) {
      this.#asking = setTimeout(() => this.ask(), milliseconds);
    }
  }

  #concerns({ op, changes }) {
    if (op !== "delta") {
      return op === "event" || op === "snapshot";
    }
    const touched = new Set(Object.values(changes).flat());
    return this.#now?.tickets.some(({ id }) => touched.has(id)) ?? true;
  }

  // Money may be on its way: it was paid a moment ago, or the time ran out during checkout.
  get #isSettling() {
    const { state, expires_at: end } = this.#now;
    return state === "pending" && (this.#cameFromPaying || Date.parse(end) < serverNow());
  }

  #take(reservation) {
    this.#now = reservation;
    const shown = `${this.#isSettling ? "settling" : reservation.state} ${reservation.expires_at}`;
    if (shown === this.#drawn) {
      return;
    }
    this.#drawn = shown;
    fill(this.#notice);
    clearInterval(this.#ticking);
    fill(this.#state, ...this.#words());
    fill(this.#act, ...this.#acts());
    fill(this.#tickets, ...contents(reservation));
    announce(this.#state.textContent);
    this.#tick();
  }

  #words() {
    const word = this.#isSettling ? "settling" : this.#now.state;
    const clock = word === "pending" && h("p", { class: "countdown", role: "timer" }, this.#left());
    return [h("h2", { class: `verdict ${word}` }, t(`verdict-${word}`)), h("p", {}, t(`explain-${word}`)), clock];
  }

  #left() {
    return countdown(Date.parse(this.#now.expires_at) - serverNow());
  }

  #tick() {
    const clock = this.#state.querySelector(".countdown");
    if (!clock) {
      return;
    }
    this.#ticking = setInterval(() => {
      fill(clock, this.#left());
      if (Date.parse(this.#now.expires_at) < serverNow()) {
        clearInterval(this.#ticking);
        this.ask();
      }
    }, 250);
  }

  #acts() {
    const { state, event } = this.#now;
    if (state === "pending" && !this.#isSettling) {
      return [this.#checkout()];
    }
    if (state === "paid") {
      return [h("button", { type: "button", class: "main screen", onclick: () => print() }, t("print"))];
    }
    return state === "released" || state === "expired"
      ? [h("p", {}, h("a", { href: `/?event=${event}` }, t("back-to-event")))]
      : [];
  }

  #checkout() {
    const field = (name, type, autocomplete) =>
      h("label", {}, t(name), h("input", { name, type, autocomplete, required: true, maxlength: 200 }));
    return h(
      "form",
      { class: "checkout", onsubmit: (event) => this.#pay(event) },
      field("name", "text", "name"),
      field("email", "email", "email"),
      h("button", { class: "main" }, t("pay", { total: money(this.#now.total, this.#now.currency) })),
      h("button", { type: "button", class: "plain", onclick: () => this.#release() }, t("release")),
    );
  }

  async #pay(event) {
    event.preventDefault();
    const form = new FormData(event.target);
    const here = `${location.origin}/?reservation=${this.#mine.id}`;
    await this.#do(async () => {
      const { redirect_url: to } = await persist(`${this.#path}/checkout`, {
        method: "POST",
        token: this.#mine.token,
        body: {
          buyer: { name: form.get("name"), email: form.get("email") },
          success_url: `${here}&paid`,
          cancel_url: here,
        },
      });
      location.assign(to);
    });
  }

  async #release() {
    await this.#do(() => persist(this.#path, { method: "DELETE", token: this.#mine.token }));
    await this.ask();
  }

  async #do(act) {
    const buttons = this.#act.querySelectorAll("button");
    buttons.forEach((button) => (button.disabled = true));
    try {
      await act();
    } catch (refused) {
      fill(this.#notice, h("p", { class: "notice bad" }, reason(refused)));
      if (refused.slug === "reservation-ended" || refused.slug === "conflict") {
        await this.ask();
      }
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  }
}

function contents(reservation) {
  if (reservation.state === "paid") {
    return passes(reservation);
  }
  const { tickets, total, currency } = reservation;
  const lines = tickets.map((ticket) =>
    h("li", {}, h("span", {}, place(ticket)), h("span", { class: "price" }, money(ticket.price, ticket.currency))),
  );
  return [
    h("ul", { class: "picked" }, ...lines),
    h("p", { class: "total" }, h("span", {}, t("total")), h("span", {}, money(total, currency))),
  ];
}
