// The seat map: tens of thousands of tickets on one canvas.
//
// SeatMap is what pages use; what listens to pointers and keys is below it. See
// seatpaint.js for the drawing and seatgrid.js for the geometry. One loop draws
// while something moves or waits to be painted; otherwise nothing runs.

import { Camera, SeatGrid, boxOf } from "./seatgrid.js";
import { SeatPainter, pixelRatio } from "./seatpaint.js";
import { holds, sectionsOf } from "./seatsections.js";

const FREE = 0;

// Radii of a ticket's mark after a flight to a section and to tickets, in CSS px.
const HIT_FROM = 3.5;
const TOLD_APART = 5;

const FLIGHT_MS = 350;
const SETTLE_MS = 120; // after the wheel's last turn, tickets are painted crisp
const COUNT_MS = 100; // far away, changes show in the sections' counts only
const DOUBLE_TAP_MS = 350;

const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class SeatMap {
  /** Draws on `canvas`, which fills its CSS box. The options are
   * - layout: {tiers, sections, tickets}, columns in ticket order
   * - states: Uint8Array and picked: Set of ids, both shared: the caller changes
   *   them, then calls `changed`
   * - onPick(id): a ticket was clicked, tapped, or chosen by Enter or Space
   * - onPoint(id|null, {x, y}|null): another ticket is pointed at, or the
   *   keyboard's cursor has moved; in CSS px on the canvas
   * - describeSection(section, {free, total}): its label far away, broken in two
   *   at " · " where one line does not fit; withdrawn tickets do not count */
  constructor(canvas, options) {
    Object.assign(this, { canvas, options });
    this.grid = new SeatGrid(options.layout.tickets.x, options.layout.tickets.y);
    this.camera = new Camera(this.grid);
    this.sections = sectionsOf(options.layout, this.grid);
    this.pointed = null; // a ticket, by the mouse
    this.pointedSection = null;
    this.cursor = null; // a ticket, by the keyboard
    this.cursorShown = false;
    this.zoomedAt = -Infinity;
    this.painter = new SeatPainter(this);
    this.listening = new AbortController();
    const { signal } = this.listening;
    listen(this, signal);
    dark.addEventListener("change", () => this.allChanged(), { signal });
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(canvas);
    this.resize();
  }

  /** Repaints these tickets in the next frame; far away, soon. */
  changed(ids) {
    this.painter.changed(ids);
    if (this.isFar()) this.requestIn(COUNT_MS);
    else this.request();
  }

  /** Repaints everything; reads colours and asks for labels again. */
  allChanged() {
    this.painter.pixelRatio = null; // so that the next frame begins anew
    this.request();
  }

  /** Moves so that these tickets are in view and can be told apart; the first
   * alone if they are too far from one another for that. */
  show(ids) {
    const [first] = ids;
    if (first === undefined) return;
    this.camera.showBox(boxOf(ids, this.grid.x, this.grid.y), TOLD_APART, this.placeOf(first));
    this.request();
  }

  /** Shows the whole house. */
  fit() {
    this.camera.fit();
    this.tellCursor();
  }

  /** Zooms about the middle, or about a place on the canvas. */
  zoom(factor, at) {
    this.camera.glide(this.camera.zoomed(factor, at?.x, at?.y));
    if (this.cursorShown) this.camera.keepInView(this.placeOf(this.cursor));
    this.tellCursor();
  }

  /** Stops listening and drawing. */
  destroy() {
    this.listening.abort();
    this.observer.disconnect();
    cancelAnimationFrame(this.requested);
    clearTimeout(this.waiting);
    this.requested = -1; // truthy: no further frame is asked for
  }

  // What follows is for this file alone.

  placeOf(id) {
    return { x: this.grid.x[id], y: this.grid.y[id] };
  }

  /** A place on the canvas, in the plan. */
  inPlan({ x, y }) {
    const { view } = this.camera;
    return { x: (x - view.x) / view.scale, y: (y - view.y) / view.scale };
  }

  ticketAt(at, reachPx) {
    const { x, y } = this.inPlan(at);
    return this.grid.nearest(x, y, Math.max(reachPx / this.camera.view.scale, this.camera.radius * 1.2));
  }

  sectionAt(at) {
    const place = this.inPlan(at);
    return this.sections.find(({ outline }) => holds(outline, place)) ?? null;
  }

  isFar() {
    return this.camera.isFar(this.camera.view);
  }

  point(id, section = null) {
    if (section !== this.pointedSection) this.request();
    this.pointedSection = section;
    if (id === this.pointed) return;
    this.pointed = id;
    this.tellPoint(id);
  }

  pick(id) {
    this.cursor = id;
    this.options.onPick?.(id);
  }

  firstFree() {
    const id = this.options.states.indexOf(FREE);
    return id < 0 ? null : id;
  }

  showSection({ box }, at) {
    this.camera.showBox(box, HIT_FROM, this.inPlan(at));
    this.point(null);
    this.request();
  }

  /** Without a cursor, arrows begin at the middle of the view. */
  stepCursor(dx, dy) {
    const { width, height } = this.camera;
    const middle = { x: width / 2, y: height / 2 };
    if (this.cursor === null) this.moveCursor(this.ticketAt(middle, Infinity));
    else this.moveCursor(this.grid.inDirection(this.cursor, dx, dy));
  }

  moveCursor(id) {
    if (id === null) return;
    this.pointed = null;
    this.cursor = id;
    this.cursorShown = true;
    if (this.camera.isFar(this.camera.goal)) this.show([id]);
    else this.camera.keepInView(this.placeOf(id));
    this.tellPoint(id);
  }

  hideCursor() {
    if (!this.cursorShown) return;
    this.cursorShown = false;
    this.tellPoint(null);
  }

  /** Tells where the ticket will be once the view has arrived, and not all the
   * way there, so that a screen reader does not stammer. */
  tellPoint(id) {
    const { scale, x, y } = this.camera.goal;
    const at = id === null ? null : { x: this.grid.x[id] * scale + x, y: this.grid.y[id] * scale + y };
    this.options.onPoint?.(id, at);
    this.request();
  }

  tellCursor() {
    if (this.cursorShown) this.tellPoint(this.cursor);
    this.request();
  }

  pan(dx, dy) {
    const { scale, x, y } = this.camera.view;
    this.camera.jump({ scale, x: x + dx, y: y + dy });
    this.request();
  }

  /** Zooms at once, as the wheel and two fingers do. */
  zoomNow(factor, { x, y }) {
    this.camera.jump(this.camera.view);
    this.camera.jump(this.camera.zoomed(factor, x, y));
    this.zoomedAt = performance.now();
    this.request();
  }

  request() {
    this.requested ||= requestAnimationFrame((now) => this.frame(now));
  }

  requestIn(ms) {
    this.waiting ??= setTimeout(() => {
      this.waiting = null;
      this.request();
    }, ms);
  }

  frame(now) {
    this.requested = 0;
    if (this.painter.pixelRatio !== pixelRatio()) return this.resize();
    this.camera.advance(now, still.matches ? 0 : FLIGHT_MS);
    const settled = performance.now() - this.zoomedAt >= SETTLE_MS;
    const unfinished = this.painter.draw(settled);
    if (unfinished || this.camera.flight) this.request();
    else if (!settled) this.requestIn(SETTLE_MS);
  }

  /** Draws at once: a canvas is blank from its change of size until it is drawn. */
  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    if (clientWidth === 0 || clientHeight === 0) return;
    this.camera.resize(clientWidth, clientHeight);
    this.canvas.width = Math.round(clientWidth * pixelRatio());
    this.canvas.height = Math.round(clientHeight * pixelRatio());
    if (this.painter.pixelRatio !== pixelRatio()) this.painter.restart();
    if (this.painter.draw(true)) this.request();
  }
}

/** Turns the keyboard, pointers and wheel into what the map is asked to do. */
function listen(map, signal) {
  const { canvas } = map;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.style.touchAction = "none";
  const hands = new Hands(map);
  const on = (type, handle) => canvas.addEventListener(type, handle, { signal, passive: false });
  on("pointerdown", (event) => hands.down(event));
  on("pointermove", (event) => hands.move(event));
  on("pointerup", (event) => hands.up(event));
  on("pointercancel", (event) => hands.cancel(event));
  on("pointerleave", () => map.point(null));
  on("wheel", (event) => turnWheel(map, event));
  on("keydown", (event) => pressKey(map, event));
  on("blur", () => map.hideCursor());
}

/** Pointers that are down: one taps or pans, two pinch. */
class Hands {
  constructor(map) {
    this.map = map;
    this.held = new Map();
    this.moved = false; // so that the gesture is no tap
    this.lastTap = { time: -Infinity, hit: false };
  }

  down(event) {
    if (event.button !== 0) return;
    this.map.canvas.setPointerCapture(event.pointerId);
    this.moved = this.held.size > 0;
    this.start = placeOf(event);
    this.held.set(event.pointerId, this.start);
    this.map.hideCursor();
  }

  move(event) {
    const before = this.held.get(event.pointerId);
    const after = placeOf(event);
    if (!before) return this.#hover(event, after);
    const tolerance = event.pointerType === "mouse" ? 4 : 10;
    this.moved ||= distance(this.start, after) > tolerance;
    if (!this.moved) return;
    const [other] = [...this.held].filter(([pointer]) => pointer !== event.pointerId).map(([, place]) => place);
    this.held.set(event.pointerId, after);
    this.map.point(null);
    if (!other) return this.map.pan(after.x - before.x, after.y - before.y);
    this.map.pan((after.x - before.x) / 2, (after.y - before.y) / 2);
    const middle = { x: (after.x + other.x) / 2, y: (after.y + other.y) / 2 };
    this.map.zoomNow(distance(after, other) / Math.max(distance(before, other), 1), middle);
  }

  up(event) {
    if (this.held.delete(event.pointerId) && !this.moved) this.#tap(event, placeOf(event));
  }

  cancel(event) {
    this.held.delete(event.pointerId);
  }

  #hover({ pointerType }, at) {
    if (pointerType !== "mouse") return;
    const far = this.map.isFar();
    const id = far ? null : this.map.ticketAt(at, 6);
    const section = far ? this.map.sectionAt(at) : null;
    this.map.canvas.style.cursor = id === null && !section ? "grab" : "pointer";
    this.map.point(id, section);
  }

  /** A second tap zooms in only where the first hit nothing: two quick taps on
   * tickets are two picks, and two on a section must not pick what appears. */
  #tap({ timeStamp, pointerType }, at) {
    const again = timeStamp - this.lastTap.time < DOUBLE_TAP_MS;
    const { map } = this;
    const far = map.isFar();
    const id = far ? null : map.ticketAt(at, pointerType === "mouse" ? 6 : 20);
    const section = far ? map.sectionAt(at) : null;
    if (again && this.lastTap.hit === "section") return;
    this.lastTap = { time: timeStamp, hit: section ? "section" : id === null ? null : "ticket" };
    if (section) map.showSection(section, at);
    else if (id !== null) map.pick(id);
    else if (again) map.zoom(2, at);
  }
}

function turnWheel(map, event) {
  event.preventDefault();
  const px = event.deltaY * [1, 16, 400][event.deltaMode];
  // A pinch on a touchpad arrives as a wheel with ctrlKey, in much smaller steps.
  map.zoomNow(Math.exp(-px * (event.ctrlKey ? 0.01 : 0.0018)), placeOf(event));
  map.point(null);
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = {
  "+": (map) => map.zoom(1.5),
  "=": (map) => map.zoom(1.5),
  "-": (map) => map.zoom(1 / 1.5),
  0: (map) => map.fit(),
  Home: (map) => map.moveCursor(map.firstFree()),
  Enter: (map) => map.cursorShown && map.pick(map.cursor),
  " ": (map) => map.cursorShown && map.pick(map.cursor),
  Escape: (map) => map.hideCursor(),
};

function pressKey(map, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = STEPS[event.key];
  const act = step ? () => map.stepCursor(...step) : KEYS[event.key];
  if (!act) return;
  if (event.key !== "Escape") event.preventDefault();
  act(map);
}

function placeOf({ offsetX, offsetY }) {
  return { x: offsetX, y: offsetY };
}

function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
