// The reservations of an event.

import { fill, h } from "../shared/dom.js";
import { money } from "../shared/format.js";
import { t } from "../shared/language.js";
import { place as named } from "../shared/tickets.js";
import { stamp } from "./entry.js";
import { choice } from "./fields.js";
import { heading } from "./heading.js";
import { Pages, heads } from "./pages.js";
import { button, zoned } from "./parts.js";
import { ask } from "./session.js";

const STATES = ["pending", "paid", "released", "expired", "refund_due", "refunded"];

/** Lists them. */
export async function show(place, { id }) {
  const event = await ask(`/events/${id}`);
  const pages = new Pages({
    caption: t("reservations"),
    heads: heads("id", "state", "tickets", "total", "created_at"),
    path: `/events/${id}/reservations`,
    key: "reservations",
    cells,
  });
  const load = () => pages.load({ state: filter.querySelector("select").value });
  const filter = choice("state", [["", t("any")], ...STATES.map((state) => [state, t(`state-${state}`)])], { onchange: load });
  fill(
    place,
    ...heading(event, "reservations"),
    h("div", { class: "bar" }, filter, button(t("refresh"), load)),
    zoned(),
    pages.element,
  );
  await load();
}

function cells({ id, state, tickets, total, currency, created_at: made }) {
  const [first] = tickets;
  return [
    h("a", { href: `#/reservations/${id}` }, id),
    t(`state-${state}`),
    tickets.length > 1 ? t("and-others", { name: named(first), n: tickets.length - 1 }) : named(first),
    money(total, currency),
    stamp(made),
  ];
}
