// What the seat map looks like. Far away, the sections are drawn afresh each
// frame, which is cheap. Nearer, tickets are painted once onto square tiles: a
// frame only copies tiles, and a changed ticket is repainted on its tile alone.

import { boxAround, grown, overlaps, rowEndsOf, squaresIn } from "./seatgrid.js";
import { fitsIn, placeBelow } from "./seatsections.js";

// A ticket's states and, last, a kind of mark that is no state.
const [FREE, PENDING, WITHDRAWN, PICKED] = [0, 1, 3, 4];
const TIERS = ["#2f6fb7", "#b4690e", "#2f855a", "#9b3d8f", "#c0392b", "#0f7f8c", "#6b5bd2", "#7a6a2f"];

const NEAR_FROM = 9; // px, the radius from which marks have numbers
const MARK_REACH = 1.5; // of the largest mark, in radii of a free one
const LABEL_PX = [13, 11, 9];

const TILE_PX = 256;
const PAINT_BUDGET_MS = 5; // in one frame
const REPAINT_ALL_FROM = 2000; // changes at once from which fresh tiles are cheaper

/** Draws in device px, while the camera counts in CSS px. */
export class SeatPainter {
  constructor(map) {
    this.map = map;
    this.context = map.canvas.getContext("2d", { alpha: false });
    this.sectionOf = [];
    for (const section of map.sections) {
      section.path = new Path2D();
      for (const { x, y } of section.outline) section.path.lineTo(x, y);
      section.path.closePath();
      this.sectionOf[section.index] = section;
    }
    this.stale = new Set(); // tickets to repaint
    this.tiles = null; // at the goal's scale
    this.oldTiles = null; // at another scale, shown below until the others are complete
  }

  restart() {
    this.pixelRatio = pixelRatio();
    this.palette = paletteOf(this.map.canvas);
    this.hatch = hatchOf(this.context, this.palette, this.pixelRatio);
    this.#renewTiles();
    for (const section of this.map.sections) section.label = null;
  }

  changed(ids) {
    const { section } = this.map.options.layout.tickets;
    for (const id of ids) {
      this.stale.add(id);
      this.sectionOf[section[id]].label = null;
    }
  }

  /** Draws a frame. True if tiles remain to be painted in further frames. */
  draw(settled) {
    const { camera } = this.map;
    const screen = this.#inDevicePx(camera.view);
    const goal = this.#inDevicePx(camera.goal);
    const far = camera.isFar(camera.view);
    this.#repaintStale();
    this.#chooseTiles(goal, settled);
    const unfinished = this.tiles?.paintMissing(goal) ?? false;
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.fillStyle = css(this.palette.surface);
    this.context.fillRect(0, 0, screen.width, screen.height);
    const covered = !far && Boolean(this.tiles?.covers(screen));
    if (covered) this.oldTiles = null;
    else this.#drawSections(screen, far);
    for (const tiles of far ? [] : [this.oldTiles, this.tiles]) tiles?.draw(this.context, screen);
    this.#drawRings(screen, far);
    return unfinished;
  }

  #inDevicePx({ scale, x, y }) {
    const { width, height } = this.map.canvas;
    const ratio = this.pixelRatio;
    return { scale: scale * ratio, x: Math.round(x * ratio), y: Math.round(y * ratio), width, height };
  }

  #chooseTiles(goal, settled) {
    const { camera } = this.map;
    if (camera.isFar(camera.goal)) {
      if (!camera.flight) this.tiles = this.oldTiles = null;
      return;
    }
    const growth = this.tiles ? goal.scale / this.tiles.scale : Infinity;
    if (growth === 1 || (!settled && growth > 0.5 && growth < 2)) return;
    if (this.tiles?.covers(this.#inDevicePx(camera.view))) this.oldTiles = this.tiles;
    const radius = camera.radius * goal.scale;
    const marks = marksOf(radius, this.palette);
    const near = radius >= NEAR_FROM * this.pixelRatio;
    if (near) this.rowEnds ??= rowEndsOf(this.map.options.layout.tickets, this.map.grid);
    this.tiles = new Tiles(goal.scale, this.map.grid, (...area) => this.#paintArea(marks, near, ...area));
  }

  #repaintStale() {
    const { grid, camera } = this.map;
    if (this.stale.size >= REPAINT_ALL_FROM) this.#renewTiles();
    for (const id of this.tiles ? this.stale : []) {
      const box = boxAround(grid.x[id], grid.y[id], camera.radius * MARK_REACH);
      this.tiles.repaint(box);
      this.oldTiles?.repaint(box);
    }
    this.stale.clear();
  }

  #renewTiles() {
    this.oldTiles = this.tiles ?? this.oldTiles;
    this.tiles = null;
  }

  /** Paints all that is in a box of the plan; the context's transform turns the
   * plan into px of a tile, except for marks, which are copied unscaled. */
  #paintArea(marks, near, context, box, scale, left, top) {
    const { grid, sections, options } = this.map;
    const { tickets } = options.layout;
    context.setTransform(scale, 0, 0, scale, -left, -top);
    context.fillStyle = css(this.palette.surface);
    context.fillRect(box.left, box.top, box.right - box.left, box.bottom - box.top);
    for (const section of sections) {
      if (!overlaps(section.box, box)) continue;
      context.fillStyle = css(mix(this.palette.surface, this.palette.tier(section.tier).colour, 0.1));
      context.fill(section.path);
    }
    context.setTransform(1, 0, 0, 1, -left, -top);
    if (near) setFont(context, marks.radius * 0.95, 600);
    const half = marks.cell / 2;
    grid.inBox(grown(box, half / scale), (id) => {
      const [x, y] = [grid.x[id] * scale, grid.y[id] * scale];
      const kind = options.picked.has(id) ? PICKED : options.states[id];
      marks.copy(context, kind, tickets.tier[id], x - half, y - half);
      if (!near || (kind !== FREE && kind !== PENDING)) return;
      context.fillStyle = css(kind === FREE ? this.palette.tier(tickets.tier[id]).ink : this.palette.text);
      context.fillText(tickets.seat[id], x, y + marks.radius * 0.06, marks.radius * 1.6);
    });
    if (near) this.#paintRowEnds(context, grown(box, half / scale), scale);
  }

  #paintRowEnds(context, { left, top, right, bottom }, scale) {
    context.fillStyle = css(this.palette.muted);
    for (const { text, x, y } of this.rowEnds) {
      if (x < left || x > right || y < top || y > bottom) continue;
      context.fillText(text, x * scale, y * scale, this.map.camera.radius * scale * 2);
    }
  }

  #drawSections(screen, labelled) {
    const { context, palette } = this;
    const { scale, x, y, width, height } = screen;
    const seen = { left: -x / scale, top: -y / scale, right: (width - x) / scale, bottom: (height - y) / scale };
    this.hatch.setTransform(new DOMMatrix().scale(1 / scale));
    for (const section of this.map.sections) {
      if (!overlaps(section.box, seen)) continue;
      const { free, total } = (section.label ??= this.#labelOf(section));
      const colour = mix(palette.surface, palette.tier(section.tier).colour, free && 0.2 + (0.8 * free) / total);
      const pointed = section === this.map.pointedSection;
      context.setTransform(scale, 0, 0, scale, x, y);
      context.fillStyle = free ? css(colour) : this.hatch;
      context.fill(section.path);
      const edge = pointed ? palette.text : free ? palette.surface : palette.muted;
      strokePath(context, section.path, ((pointed ? 2.5 : 1) * this.pixelRatio) / scale, edge);
      context.setTransform(1, 0, 0, 1, x, y);
      if (labelled) this.#drawLabel(section, scale, free ? inkOn(colour) : palette.text);
    }
  }

  #labelOf({ index, ids }) {
    const { states, describeSection } = this.map.options;
    const free = ids.filter((id) => states[id] === FREE).length;
    const total = ids.filter((id) => states[id] !== WITHDRAWN).length;
    const text = describeSection(index, { free, total });
    setFont(this.context, 100, 600);
    const layouts = [[text], text.split(" \u00b7 ")].map((lines) => {
      const widths = lines.map((line) => this.context.measureText(line).width / 100);
      return { lines, width: Math.max(...widths) + 0.2, height: lines.length };
    });
    return { free, total, layouts };
  }

  /** In the largest size that fits, on one line rather than two; else below. */
  #drawLabel(section, scale, ink) {
    const sizes = LABEL_PX.map((px) => (px * this.pixelRatio) / scale);
    for (const size of sizes) {
      const layout = section.label.layouts.find(({ width, height }) => fitsIn(section, width * size, height * size));
      if (layout) return this.#writeLabel(layout.lines, section.middle, size * scale, scale, ink);
    }
    const [{ lines, width }] = section.label.layouts;
    const below = placeBelow(section, width * sizes[1], sizes[1], this.map.sections, this.map.grid.box);
    if (below) this.#writeLabel(lines, below, sizes[1] * scale, scale, this.palette.text);
  }

  #writeLabel(lines, { x, y }, px, scale, ink) {
    setFont(this.context, px, 600);
    this.context.fillStyle = css(ink);
    const first = y * scale - ((lines.length - 1) / 2) * px * 1.15;
    lines.forEach((line, at) => this.context.fillText(line, x * scale, first + at * px * 1.15));
  }

  #drawRings(screen, far) {
    const { map, palette } = this;
    for (const id of far ? map.options.picked : []) this.#drawRing(id, screen, 1.4, 3, palette.text);
    if (map.pointed !== null) this.#drawRing(map.pointed, screen, 1.2, 2, palette.text);
    if (!map.cursorShown) return;
    this.#drawRing(map.cursor, screen, 1.5, 6, palette.surface);
    this.#drawRing(map.cursor, screen, 1.5, 3, palette.focus);
  }

  #drawRing(id, screen, radii, width, colour) {
    const { context, pixelRatio: ratio } = this;
    const { x, y } = this.map.placeOf(id);
    const radius = Math.max(this.map.camera.radius * screen.scale * radii, 5 * ratio) + 1.5 * ratio;
    context.setTransform(1, 0, 0, 1, screen.x, screen.y);
    strokePath(context, circle(x * screen.scale, y * screen.scale, radius), width * ratio, colour);
  }
}

/** The painted house at one scale, in squares, as far as they were needed. */
class Tiles {
  /** `paintArea(context, box, scale, left, top)` paints a box of the plan. */
  constructor(scale, { box, spacing }, paintArea) {
    Object.assign(this, { scale, paintArea, house: grown(box, 2 * spacing), squares: new Map() });
  }

  covers(screen) {
    return this.#inView(screen, 0).every(({ key }) => this.squares.has(key));
  }

  /** Edges are rounded, not sizes, so that scaled tiles leave no seams. */
  draw(context, screen) {
    const step = (TILE_PX * screen.scale) / this.scale;
    context.setTransform(1, 0, 0, 1, screen.x, screen.y);
    for (const { key, column, row } of this.#inView(screen, 0)) {
      const square = this.squares.get(key);
      const [left, right] = [Math.round(column * step), Math.round((column + 1) * step)];
      const [top, bottom] = [Math.round(row * step), Math.round((row + 1) * step)];
      if (square) context.drawImage(square.canvas, left, top, right - left, bottom - top);
    }
  }

  /** Paints what is in view, then one more tile on each side, so that panning
   * finds them ready. True if time ran out before all was done. */
  paintMissing(screen) {
    const until = performance.now() + PAINT_BUDGET_MS;
    for (const spread of [0, 1]) {
      for (const tile of this.#inView(screen, spread)) {
        if (this.squares.has(tile.key)) continue;
        if (performance.now() > until) return true;
        this.#paint(tile);
      }
    }
    this.#forgetFar(screen);
    return false;
  }

  /** Repaints a box of the plan on each tile that shows some of it. */
  repaint(part) {
    const { scale } = this;
    // Whole px: half covered ones at the edge would show what is painted below.
    const [left, top] = [part.left, part.top].map((edge) => Math.floor(edge * scale - 1) / scale);
    const [right, bottom] = [part.right, part.bottom].map((edge) => Math.ceil(edge * scale + 1) / scale);
    const box = { left, top, right, bottom };
    const screen = { scale: 1, x: -left, y: -top, width: right - left, height: bottom - top };
    for (const { key, column, row } of this.#inView(screen, 0)) {
      const context = this.squares.get(key);
      if (!context) continue;
      context.save();
      context.setTransform(scale, 0, 0, scale, -column * TILE_PX, -row * TILE_PX);
      context.beginPath();
      context.rect(left, top, right - left, bottom - top);
      context.clip();
      this.paintArea(context, box, scale, column * TILE_PX, row * TILE_PX);
      context.restore();
    }
  }

  #paint({ key, column, row }) {
    const context = new OffscreenCanvas(TILE_PX, TILE_PX).getContext("2d", { alpha: false });
    const side = TILE_PX / this.scale;
    const box = { left: column * side, top: row * side, right: (column + 1) * side, bottom: (row + 1) * side };
    this.paintArea(context, box, this.scale, column * TILE_PX, row * TILE_PX);
    this.squares.set(key, context);
  }

  #forgetFar(screen) {
    const near = this.#inView(screen, 1);
    if (this.squares.size < near.length * 3) return;
    const keep = new Set(near.map(({ key }) => key));
    for (const key of this.squares.keys()) if (!keep.has(key)) this.squares.delete(key);
  }

  #inView(screen, spread) {
    return squaresIn(screen, TILE_PX / this.scale, spread, this.house);
  }
}

/** Every mark once, a row for each kind and a column for each tier: copying is
 * many times faster than drawing. The radius is in device px. */
function marksOf(radius, palette) {
  const cell = Math.ceil(radius * MARK_REACH * 2) + 2;
  const context = new OffscreenCanvas(cell * TIERS.length, cell * DRAW_MARK.length).getContext("2d");
  DRAW_MARK.forEach((draw, kind) => {
    palette.tiers.forEach((tier, column) => {
      context.setTransform(radius, 0, 0, radius, (column + 0.5) * cell, (kind + 0.5) * cell);
      draw(context, tier, palette, radius);
    });
  });
  const copy = (onto, kind, tier, x, y) =>
    onto.drawImage(context.canvas, (tier % TIERS.length) * cell, kind * cell, cell, cell, x, y, cell, cell);
  return { radius, cell, copy };
}

// In radii of a free mark, about (0, 0); `px` is that radius in device px. In the
// order of the kinds. The shape tells the state, so colour is never needed for it.
const DRAW_MARK = [
  (context, { colour }) => fillDisc(context, 1, colour),
  (context, { colour }, palette, px) => {
    const width = Math.max(0.22, 1 / px);
    context.setLineDash(px < 5 ? [] : [0.35, 0.21]);
    strokePath(context, circle(0, 0, 1 - width / 2), width, colour);
    context.setLineDash([]);
  },
  (context, tier, { muted }, px) => strokePath(context, CROSS, Math.max(0.18, 1 / px), muted),
  (context, tier, { muted }) => fillDisc(context, 0.25, muted),
  (context, { colour, ink }, { text, surface }) => {
    fillDisc(context, 1.45, text);
    fillDisc(context, 1.1, surface);
    fillDisc(context, 1, colour);
    strokePath(context, TICK, 0.28, ink);
  },
];
const CROSS = new Path2D("M-.5-.5L.5.5M.5-.5L-.5.5");
const TICK = new Path2D("M-.5.02L-.14.4L.52-.38");

function fillDisc(context, radius, colour) {
  context.fillStyle = css(colour);
  context.fill(circle(0, 0, radius));
}

function circle(x, y, radius) {
  const path = new Path2D();
  path.arc(x, y, radius, 0, 2 * Math.PI);
  return path;
}

function strokePath(context, path, width, colour) {
  context.strokeStyle = css(colour);
  context.lineWidth = width;
  context.stroke(path);
}

/** Colours as [red, green, blue]. A custom property may hold any colour syntax,
 * so a child of the canvas resolves it and one pixel converts it. */
function paletteOf(canvas) {
  const probe = canvas.appendChild(document.createElement("span"));
  const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const read = (name, otherwise) => {
    probe.style.color = `var(--${name}, ${otherwise})`;
    pixel.fillStyle = getComputedStyle(probe).color;
    pixel.fillRect(0, 0, 1, 1);
    return [...pixel.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  const [text, muted, surface] = [read("text", "#111"), read("muted", "#666"), read("surface", "#fff")];
  const focus = read("focus", "#06c");
  const colours = TIERS.map((otherwise, at) => read(`tier-${at}`, otherwise));
  const tiers = colours.map((colour) => ({ colour, ink: inkOn(colour) }));
  probe.remove();
  return { text, muted, surface, focus, tiers, tier: (tier) => tiers[tier % TIERS.length] };
}

function hatchOf(context, { surface, muted }, pixelRatio) {
  const side = Math.round(7 * pixelRatio);
  const pen = new OffscreenCanvas(side, side).getContext("2d");
  pen.fillStyle = css(mix(surface, muted, 0.12));
  pen.fillRect(0, 0, side, side);
  pen.scale(side, side);
  strokePath(pen, new Path2D("M-.5.5L.5-.5M0 1L1 0M.5 1.5L1.5.5"), 0.14, mix(surface, muted, 0.55));
  return context.createPattern(pen.canvas, "repeat");
}

/** Black or white, whichever has more contrast (WCAG's relative luminance). */
function inkOn(colour) {
  const [red, green, blue] = colour.map((part) => (part / 255) ** 2.2);
  return red * 0.2126 + green * 0.7152 + blue * 0.0722 > 0.179 ? [0, 0, 0] : [255, 255, 255];
}

function mix(from, to, share) {
  return from.map((part, at) => Math.round(part + (to[at] - part) * share));
}

const css = (colour) => `rgb(${colour})`;

function setFont(context, px, weight) {
  context.font = `${weight} ${px}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
}

/** More than two is not seen, and costs. */
export function pixelRatio() {
  return Math.min(devicePixelRatio || 1, 2);
}
