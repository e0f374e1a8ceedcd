// Uploads tickets to a draft from a file.

import { fill, h } from "../shared/dom.js";
import { money } from "../shared/format.js";
import { t } from "../shared/language.js";
import { minor, stamp, zone } from "./entry.js";
import { busily, choice, complain, field } from "./fields.js";
import { bad, button, muted, noticeboard, panel } from "./parts.js";
import { saidOnce } from "./said.js";
import { send } from "./send.js";

const KINDS = { csv: "text/csv", json: "application/json", pretix: "application/vnd.pretix.seating-plan+json" };

/** The form; `reload` shows the event anew when tickets were added. */
export class UploadForm {
  isSending = false;
  #event;
  #reload;
  #notice = noticeboard();
  #progress = h("div", { class: "whole" });

  constructor(event, reload) {
    this.#event = event;
    this.#reload = reload;
    const price = (name, hint) => field(name, { hint, autocomplete: "off", label: t(`field-${name}`, event) });
    this.form = h(
      "form",
      { class: "entry", novalidate: true, "aria-label": t("upload"), onsubmit: (sent) => this.#submit(sent) },
      field("file", { type: "file", accept: ".json,.csv", hint: t("hint-file"), onchange: () => this.#look() }),
      choice("format", Object.keys(KINDS).map((name) => [name, t(`format-${name}`)])),
      price("price", t("hint-price")),
      price("prices", t("hint-prices")),
      this.#notice,
      this.#progress,
      h("button", { class: "main" }, t("upload")),
    );
    const has = event.tiers.map((tier) => `${tier.name} ${money(tier.price, event.currency)}`).join("; ");
    this.element = panel("upload", muted(t("upload-explained")), has && h("p", {}, t("has-tiers", { has })), this.form);
  }

  get #file() {
    return this.form.elements.file.files[0];
  }

  // By the name, and what can't be told by it by the contents.
  async #look() {
    complain(this.form, this.#notice, []);
    const text = /\.csv$/i.test(this.#file?.name) ? "" : await this.#file?.text().catch(() => "");
    const guess = /^\s*\{/.test(text) && (/"zones"\s*:/.test(text) ? "pretix" : "json");
    this.form.elements.format.value = guess || "csv";
  }

  async #submit(sent) {
    sent.preventDefault();
    await this.#send(new URLSearchParams());
  }

  async #send(query) {
    const errors = this.#file ? this.#price(query) : [{ field: "file", reason: t("needed") }];
    complain(this.form, this.#notice, errors);
    if (errors.length > 0) {
      return;
    }
    this.isSending = true;
    await busily(this.form, async () => {
      try {
        const kind = KINDS[this.form.elements.format.value];
        const { added, total } = await send(`/events/${this.#event.id}/tickets?${query}`, this.#file, kind, (share) => this.#tell(share));
        await this.#reload(t("uploaded", { n: added, total }));
      } catch (refused) {
        this.#refuse(refused);
      }
    });
    this.isSending = false;
    fill(this.#progress);
  }

  // Adds the prices to the query, in minor units; gives what is wrong with them.
  #price(query) {
    const { price, prices } = this.form.elements;
    const errors = [];
    const amount = (name, text) => minor(text, this.#event.currency) ?? errors.push({ field: name, reason: t("no-amount", { text }) });
    if (price.value.trim()) {
      query.set("price", amount("price", price.value));
    }
    if (prices.value.trim()) {
      const pairs = prices.value.split(";").filter((pair) => pair.trim());
      const named = pairs.map((pair) => pair.match(/^(.*?):?([^:]*)$/));
      query.set("prices", named.map(([, tier, text]) => `${tier.trim()}:${amount("prices", text)}`).join(","));
    }
    return errors;
  }

  // A share of the way to the server; behind it the core writes, for as long as it takes.
  #tell(share) {
    if (!this.#progress.hasChildNodes()) {
      fill(this.#progress, h("progress", { max: 1, "aria-label": t("upload") }), h("p", { role: "status" }));
    }
    const [bar, words] = this.#progress.children;
    const step = share < 1 ? t("sending", { n: Math.floor(share * 10) * 10 }) : t("writing");
    if (words.textContent !== step) {
      fill(words, step);
    }
    bar.value = share;
    bar.toggleAttribute("value", share < 1);
  }

  #refuse(refused) {
    const { errors, opens_at: opens } = refused.problem ?? {};
    if (errors) {
      complain(this.form, this.#notice, errors);
    } else if (refused.slug === "outside-creation-window") {
      const urgent = () => this.#send(new URLSearchParams({ urgent: true }));
      fill(this.#notice, bad(t("outside", { at: stamp(opens), zone }), button(t("upload-anyway"), urgent)));
    } else {
      fill(this.#notice, bad(refused.words ?? saidOnce(refused)));
    }
  }
}
