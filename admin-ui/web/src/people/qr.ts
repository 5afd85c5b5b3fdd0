//! QR codes (ISO/IEC 18004) in the small part that a one-time secret needs: bytes, error correction L, versions 1 to 10,
//! mask 0. Pure.

/** Codewords of data, codewords of error correction per block, and blocks, by version. In versions with blocks of two
 * lengths the last ones have one codeword more. */
const VERSIONS: readonly (readonly [data: number, correction: number, blocks: number])[] = [
  [19, 7, 1],
  [34, 10, 1],
  [55, 15, 1],
  [80, 20, 1],
  [108, 26, 1],
  [136, 18, 2],
  [156, 20, 2],
  [194, 24, 2],
  [232, 30, 2],
  [274, 18, 4],
];
/** Centres of alignment patterns, by version. */
const ALIGNMENTS: readonly (readonly number[])[] = [
  [],
  [6, 18],
  [6, 22],
  [6, 26],
  [6, 30],
  [6, 34],
  [6, 22, 38],
  [6, 24, 42],
  [6, 26, 46],
  [6, 28, 50],
];
/** Error correction L with mask 0, with its own correction and mask. */
const FORMAT = 0b111011111000100;

/** Rows of modules, true for dark; `null` for a text that does not fit. */
export function qrMatrix(text: string): boolean[][] | null {
  const bytes = new TextEncoder().encode(text);
  const lengthBits = (version: number) => (version < 10 ? 8 : 16);
  const version =
    VERSIONS.findIndex(
      ([data], index) => 4 + lengthBits(index + 1) + 8 * bytes.length <= 8 * data,
    ) + 1;
  const sizes = VERSIONS[version - 1];
  if (sizes === undefined) {
    return null;
  }
  const [data, correction, blocks] = sizes;
  const words = dataWords(bytes, lengthBits(version), data);
  return drawn(version, interleaved(words, correction, blocks));
}

/** The mode, the length, the bytes, and what fills up. */
function dataWords(bytes: Uint8Array, lengthBits: number, count: number): number[] {
  const bits: number[] = [];
  const push = (value: number, length: number) => {
    for (let at = length - 1; at >= 0; at -= 1) {
      bits.push((value >> at) & 1);
    }
  };
  push(0b0100, 4);
  push(bytes.length, lengthBits);
  for (const byte of bytes) {
    push(byte, 8);
  }
  push(0, Math.min(4, count * 8 - bits.length));
  push(0, -bits.length & 7);
  const words: number[] = [];
  for (let at = 0; at < bits.length; at += 8) {
    words.push(bits.slice(at, at + 8).reduce((word, bit) => (word << 1) | bit, 0));
  }
  for (let pad = 0xec; words.length < count; pad ^= 0xec ^ 0x11) {
    words.push(pad);
  }
  return words;
}

/** The blocks' codewords in turns, then those of their error correction. */
function interleaved(words: readonly number[], correction: number, blocks: number): number[] {
  const short = Math.floor(words.length / blocks);
  const longer = words.length % blocks;
  const parts: number[][] = [];
  let begin = 0;
  for (let block = 0; block < blocks; block += 1) {
    const length = short + (block >= blocks - longer ? 1 : 0);
    parts.push(words.slice(begin, begin + length));
    begin += length;
  }
  const corrections = parts.map((part) => remainder(part, correction));
  const turns = (of: readonly number[][], length: number) =>
    Array.from({ length }, (_, at) => of.flatMap((part) => part[at] ?? [])).flat();
  return [...turns(parts, short + 1), ...turns(corrections, correction)];
}

/** Multiplication in the field of 256 elements over x^8 + x^4 + x^3 + x^2 + 1. */
function times(left: number, right: number): number {
  let product = 0;
  for (let at = 7; at >= 0; at -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((right >> at) & 1) * left;
  }
  return product;
}

/** Reed and Solomon's error correction: the remainder of a division of polynomials. */
function remainder(data: readonly number[], degree: number): number[] {
  const divisor: number[] = [...Array<number>(degree - 1).fill(0), 1];
  let root = 1;
  for (let turn = 0; turn < degree; turn += 1) {
    for (let at = 0; at < degree; at += 1) {
      divisor[at] = times(divisor[at] ?? 0, root) ^ (divisor[at + 1] ?? 0);
    }
    root = times(root, 2);
  }
  const result = Array<number>(degree).fill(0);
  for (const word of data) {
    const factor = word ^ (result.shift() ?? 0);
    result.push(0);
    for (let at = 0; at < degree; at += 1) {
      result[at] = (result[at] ?? 0) ^ times(divisor[at] ?? 0, factor);
    }
  }
  return result;
}

/** The modules: `undefined` while they are free for data. */
class Canvas {
  readonly size: number;
  private readonly rows: (boolean | undefined)[][];

  constructor(size: number) {
    this.size = size;
    this.rows = Array.from({ length: size }, () => Array<boolean | undefined>(size));
  }

  set(x: number, y: number, isDark: boolean): void {
    const row = this.rows[y];
    if (row !== undefined && x >= 0 && x < this.size) {
      row[x] = isDark;
    }
  }

  isFree(x: number, y: number): boolean {
    return this.rows[y]?.[x] === undefined;
  }

  /** Rings around a centre: dark where `isDark` says so of the distance. */
  rings(x: number, y: number, radius: number, isDark: (distance: number) => boolean): void {
    for (let dy = -radius; dy <= radius; dy += 1) {
      for (let dx = -radius; dx <= radius; dx += 1) {
        this.set(x + dx, y + dy, isDark(Math.max(Math.abs(dx), Math.abs(dy))));
      }
    }
  }

  result(): boolean[][] {
    return this.rows.map((row) => Array.from(row, (module) => module === true));
  }
}

function drawn(version: number, words: readonly number[]): boolean[][] {
  const canvas = new Canvas(17 + 4 * version);
  const last = canvas.size - 1;
  for (let at = 0; at < canvas.size; at += 1) {
    canvas.set(6, at, at % 2 === 0);
    canvas.set(at, 6, at % 2 === 0);
  }
  for (const [x, y] of [
    [3, 3],
    [last - 3, 3],
    [3, last - 3],
  ] as const) {
    canvas.rings(x, y, 4, (distance) => distance !== 2 && distance !== 4);
  }
  const centres = ALIGNMENTS[version - 1] ?? [];
  const edges = [6, last - 6];
  for (const x of centres) {
    for (const y of centres) {
      // Not where the three large patterns are.
      const isCorner = edges.includes(x) && edges.includes(y) && !(x > 6 && y > 6);
      if (!isCorner) {
        canvas.rings(x, y, 2, (distance) => distance !== 1);
      }
    }
  }
  drawFormat(canvas);
  drawVersion(canvas, version);
  drawData(canvas, words);
  return canvas.result();
}

function drawFormat(canvas: Canvas): void {
  const last = canvas.size - 1;
  const bit = (at: number) => ((FORMAT >> at) & 1) === 1;
  for (let at = 0; at < 15; at += 1) {
    const along = at < 6 ? at : at < 8 ? at + 1 : at - 15 + canvas.size;
    canvas.set(8, along, bit(at));
    const back = at < 8 ? last - at : at === 8 ? 7 : 14 - at;
    canvas.set(back, 8, bit(at));
  }
  canvas.set(8, last - 7, true);
}

/** Twice, from version 7. */
function drawVersion(canvas: Canvas, version: number): void {
  if (version < 7) {
    return;
  }
  let rest = version;
  for (let turn = 0; turn < 12; turn += 1) {
    rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
  }
  const bits = (version << 12) | rest;
  for (let at = 0; at < 18; at += 1) {
    const isDark = ((bits >> at) & 1) === 1;
    const far = canvas.size - 11 + (at % 3);
    const near = Math.floor(at / 3);
    canvas.set(far, near, isDark);
    canvas.set(near, far, isDark);
  }
}

/** From the right in pairs of columns, up and down in turns, with mask 0. */
function drawData(canvas: Canvas, words: readonly number[]): void {
  let at = 0;
  for (let right = canvas.size - 1; right >= 1; right -= 2) {
    if (right === 6) {
      right = 5;
    }
    for (let step = 0; step < canvas.size; step += 1) {
      for (const x of [right, right - 1]) {
        const isUpward = ((right + 1) & 2) === 0;
        const y = isUpward ? canvas.size - 1 - step : step;
        if (!canvas.isFree(x, y)) {
          continue;
        }
        const bit = (((words[at >> 3] ?? 0) >> (7 - (at & 7))) & 1) === 1;
        canvas.set(x, y, bit !== ((x + y) % 2 === 0));
        at += 1;
      }
    }
  }
}
