// All events, drafts included.

import { fill, h } from "../shared/dom.js";
import { date, number } from "../shared/format.js";
import { t } from "../shared/language.js";
import { title } from "../shared/page.js";
import { choice } from "./fields.js";
import { Pages, heads } from "./pages.js";
import { zoned } from "./parts.js";

const STATUSES = ["draft", "on_sale", "sold_out", "upcoming", "closed", "cancelled"];

/** Lists them. */
export async function show(place) {
  title(t("events"));
  const pages = new Pages({
    caption: t("events"),
    heads: heads("title", "status", "starts_at", "venue", "sold", "free", "total"),
    path: "/events",
    key: "events",
    cells,
  });
  const statuses = [["", t("any")], ...STATUSES.map((status) => [status, t(`status-${status}`)])];
  const filter = choice("status", statuses, { onchange: (event) => pages.load({ status: event.target.value }) });
  fill(
    place,
    h("h1", {}, t("events")),
    h("div", { class: "bar" }, filter, h("a", { class: "button", href: "#/events/new" }, t("new-event"))),
    zoned(),
    pages.element,
  );
  await pages.load();
}

function cells({ id, title: name, status, starts_at: starts, venue, city, counts }) {
  return [
    h("a", { href: `#/events/${id}` }, name),
    h("span", { class: `status ${status}` }, t(`status-${status}`)),
    date(starts),
    `${venue}, ${city}`,
    ...[counts.sold, counts.free, counts.total].map((count) => h("span", { class: "price" }, number(count))),
  ];
}
