// Tickets that are paid for: to show at the door, on the screen or on paper.

import { fill, h } from "../shared/dom.js";
import { date, money } from "../shared/format.js";
import { call } from "../shared/http.js";
import { t } from "../shared/language.js";
import { place } from "../shared/tickets.js";
import { qrSvg } from "../shared/qr.js";

/** A sheet for each ticket, its pass as a QR code. */
export function passes(reservation) {
  const heads = reservation.tickets.map(() => h("div", {}));
  describe(reservation.event, heads);
  return reservation.tickets.map((ticket, at) =>
    h(
      "section",
      { class: "pass", "aria-label": place(ticket) },
      h(
        "div",
        {},
        heads[at],
        h("p", { class: "pass-place" }, place(ticket)),
        h("p", {}, money(ticket.price, ticket.currency)),
        h("p", { class: "muted" }, `${t("reservation")} ${reservation.id}`),
        ticket.pass && h("details", { class: "screen" }, h("summary", {}, t("pass-text")), h("code", {}, ticket.pass)),
      ),
      ticket.pass && code(ticket.pass),
    ),
  );
}

// What the event is called comes a little later than what matters more.
async function describe(event, heads) {
  const detail = await call(`/v1/events/${event}`).catch(() => null);
  for (const head of detail ? heads : []) {
    fill(head, h("h3", {}, detail.title), h("p", {}, date(detail.starts_at)), h("p", {}, `${detail.venue}, ${detail.city}`));
  }
}

function code(pass) {
  const holder = h("div", { class: "qr", role: "img", "aria-label": t("qr") });
  const drawn = new DOMParser().parseFromString(qrSvg(pass), "image/svg+xml").documentElement;
  holder.append(document.importNode(drawn, true));
  return holder;
}
