// The tickets that the administrator has picked, and taking them off sale or back.

import { announce, fill, h } from "../shared/dom.js";
import { FREE, WITHDRAWN } from "../shared/fold.js";
import { money } from "../shared/format.js";
import { t } from "../shared/language.js";
import { busily } from "./fields.js";
import { bad, button, good, noticeboard } from "./parts.js";
import { trouble } from "./said.js";
import { insist } from "./session.js";

const A_CALL_MOST = 5_000;
const NAMED_MOST = 12;
const ACTS = { withdraw: FREE, restore: WITHDRAWN };

/** Picks tickets of one event. */
export class Picked {
  picked = new Set();
  #tickets;
  #event;
  #changed;
  #hurry;
  #list = h("ul", { class: "picked" });
  #notice = noticeboard();
  #acts = h("div", { class: "acts" });

  /** `changed` hears of tickets to show anew, `hurry` that the server has news. */
  constructor(tickets, event, { changed, hurry }) {
    this.#tickets = tickets;
    this.#event = event;
    this.#changed = changed;
    this.#hurry = hurry;
    this.element = h("section", { class: "choice", "aria-label": t("picked") }, h("h3", {}, t("picked")), this.#list, this.#notice, this.#acts);
    this.#draw();
  }

  /** A ticket in a sentence. */
  describe(id) {
    const { name, price } = this.#tickets.tier(id);
    const tier = `${name} ${money(price, this.#event.currency)}`;
    return [this.#tickets.name(id), tier, t(`state-${this.#tickets.state(id)}`), this.picked.has(id) && t("state-picked")].filter(Boolean).join(" · ");
  }

  /** Picks a ticket, or lets go of it. */
  toggle(id) {
    if (!this.picked.delete(id)) {
      if (!this.#isPickable(id)) {
        fill(this.#notice, bad(t("not-pickable", { name: this.describe(id) })));
        return;
      }
      this.picked.add(id);
    }
    announce(this.describe(id));
    this.#shown([id]);
  }

  /** Picks all of these. */
  take(ids) {
    ids.forEach((id) => this.picked.add(id));
    this.#shown(ids);
    announce(t("picked-n", { n: this.picked.size }));
  }

  /** Lets go of tickets that can't be picked any more, and says anew what is. */
  changed(ids) {
    const taken = ids.filter((id) => this.picked.has(id) && !this.#isPickable(id));
    if (taken.length > 0) {
      this.#lose(taken);
    } else if (ids.some((id) => this.picked.has(id))) {
      this.#draw();
    }
  }

  #isPickable(id) {
    return Object.values(ACTS).includes(this.#tickets.states[id]);
  }

  #draw() {
    const all = [...this.picked];
    const named = all.slice(0, NAMED_MOST).map((id) => h("li", {}, this.describe(id)));
    const more = all.length > NAMED_MOST && h("li", {}, t("and-more", { n: all.length - NAMED_MOST }));
    fill(this.#list, ...(all.length > 0 ? [...named, more] : [h("li", { class: "muted" }, t("nothing-picked"))]));
    const buttons = Object.entries(ACTS).map(([act, state]) => {
      const ids = all.filter((id) => this.#tickets.states[id] === state);
      return button(t(act, { n: ids.length }), () => this.#act(act, ids), { disabled: ids.length === 0 });
    });
    const letGo = button(t("let-go"), () => this.#drop(all), { class: "plain", disabled: all.length === 0 });
    fill(this.#acts, ...buttons, letGo);
  }

  // Each call does all of its tickets or none.
  #act(act, ids) {
    return busily(this.element, async () => {
      let count = 0;
      try {
        while (count < ids.length) {
          const tickets = ids.slice(count, count + A_CALL_MOST);
          await insist(`/events/${this.#event.id}/tickets/${act}`, { method: "POST", body: { tickets } });
          count += tickets.length;
          fill(this.#notice, good(t(`${act}-done`, { n: count })));
        }
        this.#drop(ids, true);
      } catch (refused) {
        this.#drop(ids.slice(0, count), true);
        const taken = refused.problem?.taken ?? [];
        if (taken.length > 0) {
          this.#lose(taken.map(({ id }) => id));
        } else {
          fill(this.#notice, trouble(refused));
        }
      }
      this.#hurry();
    });
  }

  #lose(taken) {
    this.#drop(taken, true);
    const names = taken.slice(0, NAMED_MOST).map((id) => this.#tickets.name(id));
    fill(this.#notice, bad(t("taken", { n: taken.length, names: names.join("; ") })));
  }

  #drop(ids, isQuiet) {
    ids.forEach((id) => this.picked.delete(id));
    this.#shown(ids, isQuiet);
  }

  #shown(ids, isQuiet) {
    if (!isQuiet) {
      fill(this.#notice);
    }
    this.#changed(ids);
  }
}
