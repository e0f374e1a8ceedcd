// Sections as shapes: what is seen of a house from afar. No DOM here.

import { boxOf, clamp, overlaps } from "./seatgrid.js";

const CORNER_POINTS = 16;
const BAND_POINTS = 24;

/** What the far view shows of each section that has tickets. */
export function sectionsOf({ sections, tickets }, grid) {
  const members = sections.map(() => []);
  tickets.section.forEach((section, id) => members[section].push(id));
  return members.flatMap((ids, index) => {
    if (ids.length === 0) return [];
    const { outline, middle } = shapeOf(ids, tickets, grid);
    const box = boxOf(outline.keys(), outline.map((corner) => corner.x), outline.map((corner) => corner.y));
    return [{ index, ids, outline, box, middle, tier: mostFrequent(ids, tickets.tier) }];
  });
}

/** A hull, or where that would cover another section, as with rows that are arcs around a
 * stage, the band that the rows make. */
function shapeOf(ids, { section, row }, grid) {
  const outline = outlineOf(ids, grid);
  const lines = linesOf(ids, row, grid);
  const isCovering = coversOthers(ids, outline, section, grid);
  if (lines.length < 2 || !isCovering) {
    return { outline, middle: { x: mean(ids, grid.x), y: mean(ids, grid.y) } };
  }
  const line = lines[Math.floor(lines.length / 2)];
  const middle = placeIn(grid, line[Math.floor(line.length / 2)]);
  return { outline: bandOf(lines).map((id) => placeIn(grid, id)), middle };
}

function coversOthers(ids, outline, section, grid) {
  const box = boxOf(ids, grid.x, grid.y);
  let covers = false;
  grid.inBox(box, (id) => {
    covers ||= section[id] !== section[ids[0]] && holds(outline, placeIn(grid, id));
  });
  return covers;
}

/** Rows as lines of tickets, all in the same direction. */
function linesOf(ids, row, { x, y }) {
  const lines = [...Map.groupBy(ids, (id) => row[id]).values()];
  const square = (a, b) => (x[a] - x[b]) ** 2 + (y[a] - y[b]) ** 2;
  for (let at = 1; at < lines.length; at += 1) {
    const [start] = lines[at - 1];
    if (square(lines[at][0], start) > square(lines[at].at(-1), start)) lines[at].reverse();
  }
  return lines;
}

/** Along the first row, down the rows' ends, back along the last, up their beginnings. */
function bandOf(lines) {
  const between = lines.slice(1, -1);
  return [
    ...sparse(lines[0]),
    ...between.map((line) => line.at(-1)),
    ...sparse(lines.at(-1)).reverse(),
    ...between.map((line) => line[0]).reverse(),
  ];
}

function sparse(line) {
  const step = Math.max(1, Math.floor(line.length / BAND_POINTS));
  return [...line.filter((_, at) => at % step === 0), line.at(-1)];
}

const placeIn = ({ x, y }, id) => ({ x: x[id], y: y[id] });

/** The convex hull, grown with round corners, which also makes an outline of
 * a single ticket or a single row. */
function outlineOf(ids, { x, y, spacing }) {
  const around = Array.from({ length: CORNER_POINTS }, (_, at) => (at * 2 * Math.PI) / CORNER_POINTS);
  const grow = (corner) =>
    around.map((angle) => ({
      x: corner.x + Math.cos(angle) * spacing * 0.8,
      y: corner.y + Math.sin(angle) * spacing * 0.8,
    }));
  return hullOf(hullOf(ids.map((id) => ({ x: x[id], y: y[id] }))).flatMap(grow));
}

/** The corners of the convex hull, clockwise on screen: Andrew's monotone chain. */
function hullOf(points) {
  if (points.length < 2) return points;
  const sorted = points.sort((a, b) => a.x - b.x || a.y - b.y);
  const half = () => {
    const chain = [];
    for (const point of sorted) {
      while (chain.length > 1 && turn(chain.at(-2), chain.at(-1), point) <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  const upper = half();
  sorted.reverse();
  return [...upper, ...half()];
}

/** Whether an outline holds a place: a ray to the left crosses it an odd number of times. */
export function holds(outline, { x, y }) {
  let isInside = false;
  outline.forEach((corner, at) => {
    const next = outline[(at + 1) % outline.length];
    if (corner.y > y !== next.y > y) {
      const crossing = corner.x + ((y - corner.y) / (next.y - corner.y)) * (next.x - corner.x);
      isInside = isInside !== crossing < x;
    }
  });
  return isInside;
}

/** Whether a label of this size, in plan units, fits in the section's middle. */
export function fitsIn({ outline, middle }, width, height) {
  const ends = [-0.5, 0.5];
  return ends.every((h) => ends.every((v) => holds(outline, { x: middle.x + h * width, y: middle.y + v * height })));
}

/** The place for such a label below the section, if no other section is there. */
export function placeBelow(section, width, height, sections, house) {
  const { left, right, bottom } = section.box;
  const x = clamp((left + right) / 2, width / 2, house.right - width / 2);
  const place = { x, y: bottom + height * 0.8 };
  const box = { left: place.x - width / 2, right: place.x + width / 2, top: bottom, bottom: bottom + height * 1.4 };
  return sections.some((other) => other !== section && overlaps(other.box, box)) ? null : place;
}

/** Positive where the way from `a` by `b` to `c` turns clockwise on screen. */
function turn(a, b, c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

function mean(ids, values) {
  return ids.reduce((sum, id) => sum + values[id], 0) / ids.length;
}

function mostFrequent(ids, values) {
  const counts = new Map();
  for (const id of ids) counts.set(values[id], (counts.get(values[id]) ?? 0) + 1);
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
}
