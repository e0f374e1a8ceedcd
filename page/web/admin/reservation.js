// One reservation: its tickets, what happened to it, and giving the money back.

import { fill, h } from "../shared/dom.js";
import { money } from "../shared/format.js";
import { t } from "../shared/language.js";
import { title } from "../shared/page.js";
import { place as named } from "../shared/tickets.js";
import { question } from "./dialog.js";
import { stamp } from "./entry.js";
import { heads, row, table } from "./pages.js";
import { button, facts, noticeboard, panel, radio, zoned } from "./parts.js";
import { poll } from "./poll.js";
import { trouble } from "./said.js";
import { ask, insist } from "./session.js";

/** Shows it, and follows it. */
export async function show(place, { signal, id }) {
  title(t("reservation"));
  const path = `/reservations/${id}`;
  const body = h("div", { class: "parts" });
  const notice = noticeboard();
  let shown = "";
  const refresh = async () => {
    const reservation = await ask(path);
    const text = JSON.stringify(reservation);
    if (text !== shown) {
      shown = text;
      fill(body, ...parts(reservation, () => refund(reservation).catch((refused) => fill(notice, trouble(refused)))));
    }
    return reservation;
  };
  const refund = async (reservation) => {
    const answer = await question(refundQuestion(reservation));
    if (answer) {
      fill(notice);
      await insist(`${path}/refund`, { method: "POST", body: { return_to_sale: answer.get("refund") === "return" } });
      await hurry();
    }
  };

  const { event } = await refresh();
  const { title: name } = await ask(`/events/${event}`);
  const back = h("a", { href: `#/events/${event}/reservations` }, `← ${name}: ${t("reservations")}`);
  fill(place, h("p", {}, back), h("h1", {}, t("reservation"), " ", h("code", {}, id)), notice, body);
  const hurry = poll(signal, refresh);
}

function parts(reservation, refund) {
  const { state, total, currency, created_at: made, expires_at: ends, tickets, timeline } = reservation;
  const rows = tickets.map((ticket) => row([named(ticket), ticket.tier, money(ticket.price, currency), t(`state-${ticket.state}`)]));
  const happened = timeline.map(({ at, rev, what }) =>
    h("li", {}, h("strong", {}, t(`what-${what}`)), " ", h("time", { datetime: at }, stamp(at)), " ", h("code", { class: "muted" }, rev)),
  );
  return [
    facts([["state", t(`state-${state}`)], ["total", money(total, currency)], ["created_at", stamp(made)], ["expires_at", stamp(ends)]]),
    state === "paid" && button(t("refund-ask"), refund),
    panel("tickets", table(t("reservation"), heads("ticket", "tier", "cost", "state-now"), h("tbody", {}, ...rows))),
    panel("timeline", zoned(), h("ol", { class: "timeline" }, ...happened)),
  ];
}

function refundQuestion({ total, currency }) {
  return {
    heading: t("refund-heading", { total: money(total, currency) }),
    contents: [h("fieldset", {}, h("legend", {}, t("refund-tickets")), radio("refund", "return", true), radio("refund", "withdraw", false))],
    yes: t("refund-yes", { total: money(total, currency) }),
    no: t("refund-no"),
  };
}
