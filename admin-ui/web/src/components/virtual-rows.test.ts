import { describe, expect, it } from "vitest";
import { rangeOf } from "./virtual-rows";

describe("rangeOf", () => {
  const heights = Array.from({ length: 10 }, () => 50);

  it("is what lies between two places", () => {
    expect(rangeOf(heights, 0, 100)).toEqual([0, 2]);
    expect(rangeOf(heights, 120, 230)).toEqual([2, 5]);
  });

  it("is bounded by the rows that there are", () => {
    expect(rangeOf(heights, -500, 60)).toEqual([0, 2]);
    expect(rangeOf(heights, 480, 5000)).toEqual([9, 10]);
    expect(rangeOf([], 0, 100)).toEqual([0, 0]);
  });

  it("goes by the height of each row", () => {
    expect(rangeOf([50, 400, 50, 50], 100, 460)).toEqual([1, 3]);
  });
});
