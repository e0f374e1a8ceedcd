// What stands above every view of one event.

import { h } from "../shared/dom.js";
import { date, number } from "../shared/format.js";
import { t } from "../shared/language.js";
import { title } from "../shared/page.js";
import { zone } from "./entry.js";
import { facts, good } from "./parts.js";

const VIEWS = { overview: "", change: "/change", reservations: "/reservations" };

/** The event's name, its views, and what it is. */
export function heading(event, view) {
  title(event.title);
  return [h("p", {}, h("a", { href: "#/events" }, t("all-events"))), h("h1", {}, event.title), views(event.id, view), about(event)];
}

/** Where and when it is, and how it stands. */
export function about({ status, starts_at: starts, venue, city, category, cancelling }) {
  return h(
    "div",
    { class: "about" },
    h("p", {}, h("span", { class: `status ${status}` }, t(`status-${status}`)), ` · ${category} · ${venue}, ${city} · ${date(starts)} (${zone})`),
    cancelling !== undefined && good(t("cancelling", { n: cancelling })),
  );
}

/** The counts of its tickets, and what they brought. */
export function figures(counts, revenue) {
  const withdrawn = counts.total - counts.free - counts.pending - counts.sold;
  return facts([...Object.entries({ ...counts, withdrawn }).map(([name, count]) => [name, number(count)]), ["revenue", revenue]]);
}

function views(id, here) {
  const links = Object.entries(VIEWS).map(([name, path]) =>
    h("a", { href: `#/events/${id}${path}`, "aria-current": name === here && "page" }, t(name)),
  );
  return h("nav", { class: "views", "aria-label": t("views") }, ...links);
}
