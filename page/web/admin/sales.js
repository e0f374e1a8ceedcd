// What is sold, by hour and by tier.

import { fill, h } from "../shared/dom.js";
import { money, number } from "../shared/format.js";
import { t } from "../shared/language.js";
import { bar, bars, buckets } from "./chart.js";
import { stamp, zone } from "./entry.js";
import { heads, row, table } from "./pages.js";
import { muted, panel } from "./parts.js";

const TIER_COLOURS = 8;

/** The sales of an event as charts, each with its numbers as a table. */
export class SalesPanel {
  #ofTier;
  #chart = h("div", {});
  #hours = h("tbody", {});
  #tiers = h("tbody", {});

  constructor(tickets) {
    const { tiers, tickets: columns } = tickets.layout;
    this.#ofTier = tiers.map(() => 0);
    columns.tier.forEach((tier) => (this.#ofTier[tier] += 1));
    this.element = panel(
      "sales",
      h("h3", {}, t("by-hour")),
      this.#chart,
      h(
        "details",
        {},
        h("summary", {}, t("as-table")),
        table(t("by-hour"), heads("from", "sold", "revenue"), this.#hours),
      ),
      h("h3", {}, t("by-tier")),
      table(t("by-tier"), heads("tier", "share", "sold", "total", "revenue"), this.#tiers),
    );
  }

  /** Draws anew. */
  update({ by_hour: hours, by_tier: tiers, currency }) {
    const { width, all } = buckets(hours);
    fill(this.#chart, ...(all.length > 0 ? this.#figure(all, width) : [muted(t("nothing-sold"))]));
    const sold = all.filter((bucket) => bucket.sold !== 0);
    fill(this.#hours, ...sold.map((bucket) => row([stamp(bucket.at), number(bucket.sold), money(bucket.revenue, currency)])));
    fill(this.#tiers, ...tiers.map((tier, at) => this.#tier(tier, at, currency)));
  }

  #figure(all, width) {
    const most = Math.max(...all.map(({ sold }) => sold));
    const [first, last] = [all[0], all.at(-1)].map(({ at }) => stamp(at));
    const words = t("chart-label", { first, last, most });
    const name = ({ at, sold }) => `${stamp(at)}: ${number(sold)}`;
    return [
      muted(t("bar-is", { n: width }), " ", t("zone", { zone })),
      h("div", { class: "chart" }, h("span", { class: "most", "aria-hidden": "true" }, number(most)), bars(all, most, words, name)),
      h("div", { class: "chart-ends muted", "aria-hidden": "true" }, h("span", {}, first), h("span", {}, last)),
    ];
  }

  #tier({ name, sold, revenue }, at, currency) {
    const total = this.#ofTier[at] ?? 0;
    return row([
      [h("span", { class: `swatch tier-${at % TIER_COLOURS}`, "aria-hidden": "true" }), name],
      [bar(total > 0 ? sold / total : 0, `tier-${at % TIER_COLOURS}`), t("percent", { n: total > 0 ? Math.round((sold / total) * 100) : 0 })],
      number(sold),
      number(total),
      money(revenue, currency),
    ]);
  }
}
