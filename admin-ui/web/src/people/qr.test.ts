import { expect, it } from "vitest";
import { qrMatrix } from "./qr";

/** Reads a code as a camera's program would, from the format on: mask 0 and level L are what the writer uses. */
function read(rows: boolean[][]): string {
  const size = rows.length;
  const version = (size - 17) / 4;
  const centres = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38]][version - 1] ?? [];
  const isReserved = (x: number, y: number) =>
    x === 6 ||
    y === 6 ||
    (x < 9 && y < 9) ||
    (x < 9 && y > size - 9) ||
    (x > size - 9 && y < 9) ||
    (version > 6 && ((x < 6 && y > size - 12) || (y < 6 && x > size - 12))) ||
    centres.some((cx) =>
      centres.some(
        (cy) =>
          !(cx === 6 && cy === 6) &&
          !(cx === 6 && cy === size - 7) &&
          !(cx === size - 7 && cy === 6) &&
          Math.abs(x - cx) < 3 &&
          Math.abs(y - cy) < 3,
      ),
    );
  const bits: number[] = [];
  let isUp = true;
  for (let right = size - 1; right > 0; right -= 2) {
    right -= right === 6 ? 1 : 0;
    for (let step = 0; step < size; step += 1) {
      const y = isUp ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (!isReserved(x, y)) {
          bits.push(Number(rows[y]?.[x] === true) ^ Number((x + y) % 2 === 0));
        }
      }
    }
    isUp = !isUp;
  }
  const number = (from: number, length: number) =>
    bits.slice(from, from + length).reduce((sum, bit) => sum * 2 + bit, 0);
  expect(number(0, 4)).toBe(4);
  const bytes = Array.from({ length: number(4, 8) }, (_, at) => number(12 + at * 8, 8));
  return new TextDecoder().decode(new Uint8Array(bytes));
}

it("a text can be read back from its code", () => {
  // Of one block each, so that nothing is interleaved.
  for (const text of ["A", "otpauth://totp/x?secret=ABC", "ü".repeat(40), "x".repeat(106)]) {
    const rows = qrMatrix(text);
    expect(rows === null ? null : read(rows)).toBe(text);
  }
});

it("the size follows the length, up to version 10", () => {
  const size = (length: number) => qrMatrix("x".repeat(length))?.length ?? null;
  expect([17, 18, 106, 107, 230, 231, 271, 272].map(size)).toEqual([
    21,
    25,
    37,
    41,
    53,
    57,
    57,
    null,
  ]);
});

it("has its patterns and its format in place", () => {
  const rows = qrMatrix("Hello, world!");
  const format = [0, 1, 2, 3, 4, 5, 7, 8].map((y) => Number(rows?.[y]?.[8] === true)).join("");
  expect(format).toBe("00100011");
  const corner = rows?.slice(0, 7).map((row) => row.slice(0, 7).map(Number).join(""));
  expect(corner).toEqual([
    "1111111",
    "1000001",
    "1011101",
    "1011101",
    "1011101",
    "1000001",
    "1111111",
  ]);
});
