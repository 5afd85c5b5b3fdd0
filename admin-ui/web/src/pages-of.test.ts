import { describe, expect, it } from "vitest";
import { pagesIn } from "./pages-of";

describe("pagesIn", () => {
  const pages = [100, 100, 40].map((length) => ({ data: Array.from({ length }) }));

  it("names the pages with a row in view", () => {
    expect(pagesIn(pages, [0, 20])).toEqual([0, 0]);
    expect(pagesIn(pages, [95, 110])).toEqual([0, 1]);
    expect(pagesIn(pages, [100, 200])).toEqual([1, 1]);
    expect(pagesIn(pages, [190, 240])).toEqual([1, 2]);
  });

  it("begins with the first page when there is none", () => {
    expect(pagesIn([], [0, 1])).toEqual([0, 0]);
  });
});
