// Bars. The numbers beside them are the caller's.

const SVG = "http://www.w3.org/2000/svg";
const HOUR_MS = 3_600_000;
const WIDTHS = [1, 2, 3, 6, 12, 24, 48, 168, 336, 672];
const BARS = { least: 12, most: 84 };

/** Hours with sales as a row without gaps; where that would be too long a row, several hours
 * make one bucket. `width` says how many. */
export function buckets(hours) {
  if (hours.length === 0) {
    return { width: 1, all: [] };
  }
  // Longer buckets begin with the reader's days.
  const shift = new Date(hours[0].hour).getTimezoneOffset() * 60_000;
  const ends = [hours[0], hours.at(-1)].map(({ hour }) => Date.parse(hour) - shift);
  const width = WIDTHS.find((hour) => (ends[1] - ends[0]) / (hour * HOUR_MS) < BARS.most - 1) ?? WIDTHS.at(-1);
  const step = width * HOUR_MS;
  const last = Math.floor(ends[1] / step);
  const first = Math.min(Math.floor(ends[0] / step), last - BARS.least + 1);
  const all = Array.from({ length: last - first + 1 }, (_, at) => ({ at: (first + at) * step + shift, sold: 0, revenue: 0 }));
  for (const { hour, sold, revenue } of hours) {
    const bucket = all[Math.floor((Date.parse(hour) - shift) / step) - first];
    bucket.sold += sold;
    bucket.revenue += revenue;
  }
  return { width, all };
}

/** Upright bars, as high as `most` allows; `name` says each to who points at it. */
export function bars(all, most, label, name) {
  const drawn = all.map((bucket, at) => {
    const height = most > 0 ? (Math.max(0, bucket.sold) / most) * 100 : 0;
    const column = svg("rect", { x: at, y: 0, width: 1, height: 100, class: "behind" }, svg("title", {}, name(bucket)));
    return [column, svg("rect", { x: at + 0.1, y: 100 - height, width: 0.8, height, class: "bar" })];
  });
  return svg("svg", { viewBox: `0 0 ${all.length} 100`, preserveAspectRatio: "none", role: "img", "aria-label": label }, ...drawn.flat());
}

/** One bar on its side, a share of its length full. */
export function bar(share, colour) {
  const length = Math.min(100, Math.max(0, share * 100));
  return svg(
    "svg",
    { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: `share ${colour}`, "aria-hidden": "true" },
    svg("rect", { x: 0, y: 0, width: 100, height: 10, class: "track" }),
    svg("rect", { x: 0, y: 0, width: length, height: 10, class: "bar" }),
  );
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  element.append(...children);
  return element;
}
