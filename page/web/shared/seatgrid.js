// The geometry of the seat map, without the DOM: SeatGrid finds tickets by place,
// rows have ends, and Camera says what is seen.
// Places are in plan units, y grows downwards; a box is {left, top, right, bottom}.

// Radii of a ticket's mark, in CSS px: too small to hit, largest when shown, largest.
const FAR_BELOW = 2.5;
const SHOWN_MOST = 16;
const ZOOM_MOST = 32;
const RADIUS_OF_SPACING = 0.43;

const SPACING_SAMPLES = 500;
const MOST_CELLS = 2 ** 20;

/** Finds tickets by place. Ids are the tickets' positions in the columns. */
export class SeatGrid {
  /** Takes plan coordinates of any scale and offset; `x` and `y` of the grid
   * are moved so that the house's corner is (0, 0) and numbers stay small. */
  constructor(planX, planY) {
    const house = boxOf(planX.keys(), planX, planY);
    this.x = Float64Array.from(planX, (x) => x - house.left);
    this.y = Float64Array.from(planY, (y) => y - house.top);
    this.box = { left: 0, top: 0, right: house.right - house.left, bottom: house.bottom - house.top };
    // The spacing is unknown until neighbours can be found, so the first grid
    // has cells of average size and the second has cells that fit the rows.
    this.#fillCells(this.x.length);
    this.spacing = this.#typicalSpacing();
    this.#fillCells(MOST_CELLS, this.spacing * 2);
  }

  /** Calls `visit` for each ticket in the box, in an order that is the same
   * whatever the box, so that overlapping marks always overlap alike. */
  inBox({ left, top, right, bottom }, visit) {
    const firstColumn = this.#column(left);
    const lastColumn = this.#column(right);
    const lastRow = this.#row(bottom);
    for (let row = this.#row(top); row <= lastRow; row++) {
      const end = this.starts[row * this.columns + lastColumn + 1];
      for (let at = this.starts[row * this.columns + firstColumn]; at < end; at++) {
        const id = this.ids[at];
        const x = this.x[id];
        const y = this.y[id];
        if (x >= left && x <= right && y >= top && y <= bottom) visit(id);
      }
    }
  }

  /** The ticket nearest to a place and at most `reach` away, or null. */
  nearest(x, y, reach) {
    let found = null;
    let least = reach * reach;
    this.inBox(boxAround(x, y, reach), (id) => {
      const square = (this.x[id] - x) ** 2 + (this.y[id] - y) ** 2;
      if (square > least) return;
      found = id;
      least = square;
    });
    return found;
  }

  /** The nearest ticket from `from` in one of the four directions, or null.
   * Straying sideways costs triple, which keeps the cursor in its row. It looks
   * at every ticket: far less than a frame even for 60,000, once a key. */
  inDirection(from, dx, dy) {
    let found = null;
    let least = Infinity;
    for (let id = 0; id < this.x.length; id++) {
      const offX = this.x[id] - this.x[from];
      const offY = this.y[id] - this.y[from];
      const ahead = offX * dx + offY * dy;
      const aside = Math.abs(offX * dy) + Math.abs(offY * dx);
      const cost = ahead + 2 * aside;
      if (ahead <= 0 || aside > ahead * 1.01 || cost >= least) continue;
      found = id;
      least = cost;
    }
    return found;
  }

  /** Sorts the ids by cell, so that the cells of a row are one run of `ids`. */
  #fillCells(mostCells, leastSize = 0) {
    const { right: width, bottom: height } = this.box;
    const most = Math.max(mostCells, 1);
    this.cell = Math.max(leastSize, Math.sqrt((width * height) / most), Math.max(width, height) / most) || 1;
    this.columns = Math.floor(width / this.cell) + 1;
    this.rows = Math.floor(height / this.cell) + 1;
    const cellOf = (id) => this.#row(this.y[id]) * this.columns + this.#column(this.x[id]);
    this.starts = new Int32Array(this.columns * this.rows + 2);
    this.ids = new Int32Array(this.x.length);
    // Counted two places ahead: filling the cells moves each start to its place.
    for (let id = 0; id < this.ids.length; id++) this.starts[cellOf(id) + 2]++;
    for (let at = 1; at < this.starts.length; at++) this.starts[at] += this.starts[at - 1];
    for (let id = 0; id < this.ids.length; id++) this.ids[this.starts[cellOf(id) + 1]++] = id;
  }

  /** A low decile, not the least: a few seats on one spot must not shrink all. */
  #typicalSpacing() {
    const gaps = [];
    const step = Math.ceil(this.x.length / SPACING_SAMPLES);
    for (let id = 0; id < this.x.length; id += step) {
      const gap = this.#gapAround(id);
      if (gap < Infinity) gaps.push(gap);
    }
    gaps.sort((a, b) => a - b);
    return gaps[Math.floor(gaps.length / 10)] ?? (Math.max(this.box.right, this.box.bottom) || 1);
  }

  #gapAround(id) {
    let least = Infinity;
    this.inBox(boxAround(this.x[id], this.y[id], this.cell * 2), (other) => {
      const square = (this.x[other] - this.x[id]) ** 2 + (this.y[other] - this.y[id]) ** 2;
      if (square > 0 && square < least) least = square;
    });
    return Math.sqrt(least);
  }

  #column(x) {
    return clamp(Math.floor(x / this.cell), 0, this.columns - 1);
  }

  #row(y) {
    return clamp(Math.floor(y / this.cell), 0, this.rows - 1);
  }
}

/** Where rows' names go: one spacing beyond both ends of each row, unless a
 * ticket is there. A row is a run of tickets with the same section and row. */
export function rowEndsOf({ section, row }, grid) {
  const ends = [];
  for (let first = 0, next; first < row.length; first = next) {
    next = first + 1;
    while (next < row.length && row[next] === row[first] && section[next] === section[first]) next++;
    const ids = Array.from({ length: next - first }, (_, offset) => first + offset);
    const end = furthest(ids, first, grid);
    const otherEnd = furthest(ids, end, grid);
    for (const id of new Set([end, otherEnd])) ends.push({ text: row[first], ...beyond(id, ids, grid) });
  }
  return ends.filter(({ x, y }) => grid.nearest(x, y, grid.spacing * 0.8) === null);
}

/** One spacing further from the end's neighbour. */
function beyond(end, ids, { x, y, spacing }) {
  const square = (id) => (x[id] - x[end]) ** 2 + (y[id] - y[end]) ** 2;
  const mates = ids.filter((id) => square(id) > 0);
  if (mates.length === 0) return { x: x[end] - spacing, y: y[end] };
  const mate = mates.reduce((best, id) => (square(id) < square(best) ? id : best));
  const share = spacing / Math.sqrt(square(mate));
  return { x: x[end] + (x[end] - x[mate]) * share, y: y[end] + (y[end] - y[mate]) * share };
}

function furthest(ids, from, { x, y }) {
  const square = (id) => (x[id] - x[from]) ** 2 + (y[id] - y[from]) ** 2;
  return ids.reduce((best, id) => (square(id) > square(best) ? id : best), from);
}

/** Which part of the house is seen, now and at the end of a flight. Knows how
 * large marks are at a scale, because that decides what can be told apart.
 * A view is {scale, x, y}: a place p is drawn at p * scale + (x, y), in px. */
export class Camera {
  constructor(grid) {
    this.box = grid.box;
    this.edge = grid.spacing;
    this.radius = grid.spacing * RADIUS_OF_SPACING;
    this.view = { scale: 1, x: 0, y: 0 };
    this.flight = null;
    this.fitted = true;
    this.width = this.height = 0;
  }

  /** The view at the end of the flight; without one, the view. */
  get goal() {
    return this.flight?.to ?? this.view;
  }

  /** Keeps the middle in the middle, or the whole house in view. */
  resize(width, height) {
    const { view, fitted } = this;
    const grownX = (width - this.width) / 2;
    const grownY = (height - this.height) / 2;
    Object.assign(this, { width, height });
    this.jump(fitted ? this.#wholeHouse() : { scale: view.scale, x: view.x + grownX, y: view.y + grownY });
    this.fitted = fitted;
  }

  isFar({ scale }) {
    return this.radius * scale < FAR_BELOW;
  }

  jump(to) {
    this.flight = null;
    this.fitted = false;
    this.view = this.#kept(to);
  }

  glide(to) {
    this.flight = { from: this.view, to: this.#kept(to), start: null };
    this.fitted = false;
  }

  /** Moves the flight on to `now`, in milliseconds. */
  advance(now, flightMs) {
    if (!this.flight) return;
    const { from, to } = this.flight;
    this.flight.start ??= now;
    const time = flightMs > 0 ? Math.min((now - this.flight.start) / flightMs, 1) : 1;
    if (time < 1) this.view = between(from, to, time * time * (3 - 2 * time));
    else [this.view, this.flight] = [to, null];
  }

  fit() {
    this.glide(this.#wholeHouse());
    this.fitted = true;
  }

  /** Flies to a box, with marks at least `leastRadius` px large: where the box
   * does not fit then, to the place `at` instead. */
  showBox(box, leastRadius, at) {
    const whole = this.#viewOf(box, 40);
    const least = leastRadius / this.radius;
    this.glide(whole.scale >= least ? whole : this.#centred(at, least));
  }

  /** Flies to a place, at the same scale, if it is outside or at the edge. */
  keepInView({ x, y }) {
    const { scale, x: left, y: top } = this.goal;
    const offX = Math.abs(x * scale + left - this.width / 2);
    const offY = Math.abs(y * scale + top - this.height / 2);
    if (offX > this.width * 0.4 || offY > this.height * 0.4) this.glide(this.#centred({ x, y }, scale));
  }

  /** The goal, zoomed so that what is drawn at (x, y) stays there. */
  zoomed(factor, x = this.width / 2, y = this.height / 2) {
    const { goal } = this;
    const scale = clamp(goal.scale * factor, this.#wholeHouse().scale * 0.7, ZOOM_MOST / this.radius);
    const grown = scale / goal.scale;
    return { scale, x: x - (x - goal.x) * grown, y: y - (y - goal.y) * grown };
  }

  #wholeHouse() {
    const { box, edge } = this;
    return this.#viewOf({ left: -edge, top: -edge, right: box.right + edge, bottom: box.bottom + edge }, 8);
  }

  #viewOf(box, padding) {
    const across = Math.max(this.width - 2 * padding, 1) / (box.right - box.left);
    const down = Math.max(this.height - 2 * padding, 1) / (box.bottom - box.top);
    const middle = { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 };
    return this.#centred(middle, Math.min(across, down, SHOWN_MOST / this.radius));
  }

  #centred({ x, y }, scale) {
    return { scale, x: this.width / 2 - x * scale, y: this.height / 2 - y * scale };
  }

  /** The nearest view that shows the whole house or has it in the middle. */
  #kept({ scale, x, y }) {
    const keep = (offset, size, most) => {
      const spare = size - most * scale;
      return spare > 0 ? clamp(offset, 0, spare) : clamp(offset, spare - size / 2, size / 2);
    };
    return { scale, x: keep(x, this.width, this.box.right), y: keep(y, this.height, this.box.bottom) };
  }
}

/** The view at `progress` (0 to 1) on the way. The scale grows evenly to the
 * eye; the offset follows the scale, so that zooming seems to have one centre. */
function between(from, to, progress) {
  const growth = to.scale / from.scale;
  const scale = from.scale * growth ** progress;
  const share = Math.abs(growth - 1) > 1e-3 ? (scale - from.scale) / (to.scale - from.scale) : progress;
  return { scale, x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

/** The squares of `side` plan units that a screen shows, and `spread` more on
 * each side, as far as they show some of `house`. */
export function squaresIn({ scale, x, y, width, height }, side, spread, house) {
  const range = (offset, size, low, high) => [
    Math.max(Math.floor(-offset / scale / side) - spread, Math.floor(low / side)),
    Math.min(Math.floor((size - offset) / scale / side) + spread, Math.floor(high / side)),
  ];
  const [firstColumn, lastColumn] = range(x, width, house.left, house.right);
  const [firstRow, lastRow] = range(y, height, house.top, house.bottom);
  const squares = [];
  for (let row = firstRow; row <= lastRow; row++) {
    for (let column = firstColumn; column <= lastColumn; column++) {
      squares.push({ key: `${column},${row}`, column, row });
    }
  }
  return squares;
}

export function boxAround(x, y, reach) {
  return { left: x - reach, top: y - reach, right: x + reach, bottom: y + reach };
}

export function grown({ left, top, right, bottom }, by) {
  return { left: left - by, top: top - by, right: right + by, bottom: bottom + by };
}

export function overlaps(a, b) {
  return a.left <= b.right && b.left <= a.right && a.top <= b.bottom && b.top <= a.bottom;
}

/** The box of the places with these ids; without any, a point. */
export function boxOf(ids, x, y) {
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const id of ids) {
    box.left = Math.min(box.left, x[id]);
    box.right = Math.max(box.right, x[id]);
    box.top = Math.min(box.top, y[id]);
    box.bottom = Math.max(box.bottom, y[id]);
  }
  return box.left <= box.right ? box : boxAround(0, 0, 0);
}

export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
