import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { COLOURED, swatch } from "../overview/figures";

const read = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");
const TOKENS = read("tokens.css");
const RULES = read("usage.css");
const SERIES = Array.from({ length: COLOURED + 1 }, (_, index) => swatch(index));

/** The colours of a name in both themes. */
function coloursOf(name: string): string[] {
  const pair = new RegExp(`--${name}: light-dark\\((#\\w{6}), (#\\w{6})\\)`).exec(TOKENS);
  return pair?.slice(1) ?? [];
}

/** Relative luminance (WCAG 2.2). */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

describe("colours of series", () => {
  it.each(SERIES)("%s has a rule and 3 to 1 against the surface in both themes", (name) => {
    expect(RULES).toContain(`.${name} {\n  color: var(--${name});`);
    const colours = coloursOf(name);
    expect(colours).toHaveLength(2);
    coloursOf("surface").forEach((surface, theme) => {
      expect(contrast(colours[theme] ?? surface, surface)).toBeGreaterThanOrEqual(3);
    });
  });

  it("are all different", () => {
    for (const theme of [0, 1]) {
      expect(new Set(SERIES.map((name) => coloursOf(name)[theme])).size).toBe(SERIES.length);
    }
  });
});
