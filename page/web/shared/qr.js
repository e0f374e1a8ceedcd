// QR codes, model 2, after ISO/IEC 18004:2015. Read from `qr` down.
//
// Byte mode only: denser modes save nothing on a JWT. No ECI header announces the UTF-8, as scanners
// recognise it and some reject the header.
//
// `rows` are a symbol in the making, one number a module: 1 dark, 0 light, or FREE.
const FREE = -1;

// Table 9. M mends twice the damage that L does; L takes only text too long for M, so none below
// version 36. M has 28 correction codewords a block from version 22 on.
const M_CORRECTION = [
  10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26,
];
const M_BLOCKS = [
  1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16,
  17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49,
];
const LAYOUTS = [
  ...M_BLOCKS.map((blocks, i) => ({ version: i + 1, level: 0b00, blocks, correction: M_CORRECTION[i] ?? 28 })),
  ...[20, 21, 22, 24, 25].map((blocks, i) => ({ version: 36 + i, level: 0b01, blocks, correction: 30 })),
];

// Table 10: a mask inverts the modules where it is 0.
const MASKS = [
  (x, y) => (x + y) % 2,
  (x, y) => y % 2,
  (x, y) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => ((y >> 1) + Math.floor(x / 3)) % 2,
  (x, y) => (x * y) % 6,
  (x, y) => (x * y + ((x * y) % 3)) % 2,
  (x, y) => (x + y + ((x * y) % 3)) % 2,
];

/**
 * Encodes `text` in the smallest symbol that holds it: `size` modules a side, without quiet zone;
 * `isDark(x, y)` counts from the top left. Throws a RangeError above 2,953 bytes of UTF-8.
 */
function qr(text) {
  const bytes = new TextEncoder().encode(text);
  const layout = smallestLayout(bytes.length);
  const rows = bestMasked(layout, withCorrection(dataCodewords(bytes, layout), layout));
  return { size: rows.length, isDark: (x, y) => rows[y]?.[x] === 1 };
}

/** Draws `text` in SVG, with a quiet zone of `margin` modules. The caller gives it a label. */
export function qrSvg(text, { margin = 4 } = {}) {
  const { size, isDark } = qr(text);
  const side = size + 2 * margin;
  let path = "";
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const start = x;
      while (isDark(x, y)) x++;
      if (x > start) path += `M${start + margin} ${y + margin}h${x - start}v1h${start - x}z`;
    }
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${side} ${side}" shape-rendering="crispEdges" ` +
    `aria-hidden="true"><rect width="100%" height="100%" fill="#fff"/><path d="${path}"/></svg>`
  );
}

function smallestLayout(byteCount) {
  for (const layout of LAYOUTS) {
    const rows = functionPatterns(layout.version);
    const free = freeModules(rows);
    const capacity = (free.length >> 3) - layout.blocks * layout.correction;
    const countBytes = layout.version < 10 ? 1 : 2;
    // The 1: mode indicator and terminator, half a byte each.
    if (1 + countBytes + byteCount <= capacity) return { ...layout, rows, free, capacity, countBytes };
  }
  throw new RangeError(`${byteCount} bytes do not fit in a QR code`);
}

function functionPatterns(version) {
  const size = 17 + 4 * version;
  const rows = Array.from({ length: size }, () => new Int8Array(size).fill(FREE));
  // The outermost square of a finder is its separator.
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) drawSquares(rows, x, y, [0, 1, 0, 1, 1]);
  const positions = alignmentPositions(version, size);
  for (const y of positions) {
    for (const x of positions) if (rows[y][x] === FREE) drawSquares(rows, x, y, [1, 0, 1]);
  }
  for (let i = 8; i < size - 8; i++) rows[6][i] = rows[i][6] = (i + 1) % 2;
  if (version >= 7) drawVersion(rows, version);
  drawFormat(rows, 0); // any: only claims its modules until the mask is known
  return rows;
}

/** Annex E: 6, then even steps back from the far edge. Version 32 is irregular. */
function alignmentPositions(version, size) {
  if (version === 1) return [];
  const gaps = Math.floor(version / 7) + 1;
  const step = version === 32 ? 26 : 2 * Math.ceil((size - 13) / gaps / 2);
  return [6, ...Array.from({ length: gaps }, (_, i) => size - 7 - step * i)];
}

/** Concentric squares, the outermost first. */
function drawSquares(rows, x, y, modules) {
  modules.forEach((module, i) => {
    const reach = modules.length - 1 - i;
    for (let dy = -reach; dy <= reach; dy++) {
      rows[y + dy]?.fill(module, Math.max(0, x - reach), x + reach + 1);
    }
  });
}

function drawVersion(rows, version) {
  const bits = withBch(version, 12, 0x1f25);
  for (let i = 0; i < 18; i++) {
    const near = Math.floor(i / 3);
    const far = rows.length - 11 + (i % 3);
    rows[far][near] = rows[near][far] = (bits >> i) & 1;
  }
}

/** Both copies; the one around a finder skips the timing patterns. */
function drawFormat(rows, format) {
  const size = rows.length;
  const bits = withBch(format, 10, 0x537) ^ 0x5412;
  for (let i = 0; i < 15; i++) {
    const bit = (bits >> i) & 1;
    if (i < 8) rows[i < 6 ? i : i + 1][8] = rows[8][size - 1 - i] = bit;
    else rows[8][i === 8 ? 7 : 14 - i] = rows[size - 15 + i][8] = bit;
  }
  rows[size - 8][8] = 1;
}

/** `value` and its BCH check bits: the remainder by `generator`. */
function withBch(value, checkBits, generator) {
  let rest = value << checkBits;
  while (rest >> checkBits) rest ^= generator << (Math.clz32(generator) - Math.clz32(rest));
  return (value << checkBits) | rest;
}

/** Where codewords go: in pairs of columns from the right, up and down in turn. */
function freeModules(rows) {
  const free = [];
  const last = rows.length - 1;
  let upwards = true;
  for (let right = last; right > 0; right -= 2, upwards = !upwards) {
    if (right === 6) right--; // all timing pattern, in no pair
    for (let i = 0; i <= last; i++) {
      const y = upwards ? last - i : i;
      for (const x of [right, right - 1]) if (rows[y][x] === FREE) free.push([x, y]);
    }
  }
  return free;
}

/** Mode, count, bytes, terminator, padding: in byte mode, all whole hexadecimal digits. */
function dataCodewords(bytes, { capacity, countBytes }) {
  const hex = (value, width) => value.toString(16).padStart(width, "0");
  const data = Array.from(bytes, (byte) => hex(byte, 2)).join("");
  const digits = `4${hex(bytes.length, 2 * countBytes)}${data}0`.padEnd(2 * capacity, "ec11");
  return digits.match(/../g).map((pair) => parseInt(pair, 16));
}

/** Interleaves the blocks of data, longer ones last, then those of error correction. */
function withCorrection(data, { blocks, correction, capacity }) {
  const generator = generatorPolynomial(correction);
  // `splice` rounds down.
  const split = Array.from({ length: blocks }, (_, i) => data.splice(0, (capacity + i) / blocks));
  return [...interleave(split), ...interleave(split.map((block) => correctionOf(block, generator)))];
}

function interleave(lists) {
  return lists.at(-1).flatMap((_, i) => lists.flatMap((list) => list.slice(i, i + 1)));
}

/** The product of all (x - 2^i), i below `degree`, highest power first. */
function generatorPolynomial(degree) {
  let product = [1];
  for (let i = 0, root = 1; i < degree; i++, root = multiply(root, 2)) {
    product = [...product, 0].map((term, k) => term ^ multiply(product[k - 1] ?? 0, root));
  }
  return product;
}

function correctionOf(block, generator) {
  const rest = [...block, ...generator.slice(1).fill(0)];
  block.forEach((_, i) => {
    const factor = rest[i];
    generator.forEach((term, k) => { rest[i + k] ^= multiply(term, factor); });
  });
  return rest.slice(block.length);
}

/** In GF(256) modulo 0x11d. */
function multiply(a, b) {
  if (b === 0) return 0;
  return (b & 1 ? a : 0) ^ multiply((a << 1) ^ (a < 128 ? 0 : 0x11d), b >> 1);
}

function bestMasked({ rows, free, level }, codewords) {
  const symbols = MASKS.map((mask, reference) => {
    const masked = rows.map((row) => row.slice());
    drawFormat(masked, (level << 3) | reference);
    free.forEach(([x, y], i) => {
      // Past the last codeword, undefined shifts to 0.
      masked[y][x] = ((codewords[i >> 3] >> (7 - (i & 7))) & 1) ^ (mask(x, y) === 0);
    });
    return { masked, penalty: penaltyOf(masked) };
  });
  return symbols.sort((a, b) => a.penalty - b.penalty)[0].masked;
}

/** Section 7.8.3.1: four rules against what misleads a scanner. */
function penaltyOf(rows) {
  let penalty = 0;
  let dark = 0;
  rows.forEach((row, y) => {
    penalty += linePenalty(row) + linePenalty(rows.map((other) => other[y]));
    const above = rows[y - 1] ?? [];
    row.forEach((module, x) => {
      dark += module;
      // Past the edge the sum is NaN, no multiple of 4.
      if ((module + row[x - 1] + above[x] + above[x - 1]) % 4 === 0) penalty += 3;
    });
  });
  // 10 for each full 5 % between the dark share and one half.
  const area = rows.length ** 2;
  return penalty + 10 * Math.floor(Math.abs(20 * dark - 10 * area) / area);
}

/** Runs of five or more, and the finder's 1:1:3:1:1 beside four light modules. */
function linePenalty(line) {
  const modules = line.join("");
  const runs = modules.match(/0{5,}|1{5,}/g) ?? [];
  const finders = modules.match(/(?=10111010000|00001011101)/g) ?? [];
  return runs.reduce((sum, run) => sum + run.length - 2, 40 * finders.length);
}
