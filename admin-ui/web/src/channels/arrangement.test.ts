import { describe, expect, it } from "vitest";
import { changesOf, isolate, join, lanesOf, type Slot, shareIn, step, weigh } from "./arrangement";

function slots(...places: [id: string, priority: number][]): Slot[] {
  return places.map(([id, priority]) => ({
    id,
    name: id,
    takes: true,
    priority,
    weight: 1,
    revision: null,
  }));
}

/** `a b|c`: lanes in their order. */
const drawn = (all: Slot[]) =>
  lanesOf(all)
    .map((lane) => lane.slots.map(({ id }) => id).join(" "))
    .join("|");

describe("steps of the keyboard", () => {
  it("lead through every place and back", () => {
    let all = slots(["a", 0], ["b", 0], ["c", 1]);
    const seen = [drawn(all)];
    for (const direction of [1, 1, 1, 1, -1, -1, -1, -1] as const) {
      all = step(all, "a", direction);
      seen.push(drawn(all));
    }
    expect(seen).toEqual([
      "a b|c",
      "b|a|c",
      "b|a c",
      "b|c|a",
      "b|c|a",
      "b|a c",
      "b|a|c",
      "a b|c",
      "a|b|c",
    ]);
  });

  it("never make a priority that the gateway refuses", () => {
    let all = slots(["a", 0], ["b", 0], ["c", 1000], ["d", 1000]);
    all = step(all, "a", -1);
    all = step(all, "d", 1);
    expect(all.every(({ priority }) => priority >= 0 && priority <= 1000)).toBe(true);
  });
});

describe("isolate", () => {
  it("uses the room that there is and moves no other channel", () => {
    const all = isolate(slots(["a", 0], ["b", 10], ["c", 10]), "c", 1);
    expect(all.map(({ priority }) => priority)).toEqual([0, 10, 1]);
  });

  it("moves those behind it as far as needed, and no further", () => {
    const all = isolate(slots(["a", 0], ["b", 1], ["c", 2], ["d", 9], ["x", 9]), "x", 1);
    expect(drawn(all)).toBe("a|x|b|c|d");
    expect(all.find(({ id }) => id === "d")?.priority).toBe(9);
  });

  it("goes before the first", () => {
    expect(drawn(isolate(slots(["a", 0], ["b", 0]), "b", 0))).toBe("b|a");
    expect(isolate(slots(["a", 5], ["b", 5]), "b", 0)[1]?.priority).toBe(4);
  });
});

it("joins the lane that it is dropped on", () => {
  expect(drawn(join(slots(["a", 0], ["b", 3]), "a", 3))).toBe("a b");
});

it("shares follow the weights of those that take requests", () => {
  const [a, b, c] = slots(["a", 0], ["b", 0], ["c", 0]) as [Slot, Slot, Slot];
  const lane = {
    priority: 0,
    slots: [{ ...a, weight: 3 }, b, { ...c, takes: false, weight: 50 }],
  };
  expect(lane.slots.map((slot) => shareIn(lane, slot))).toEqual([0.75, 0.25, 0]);
  const idle = {
    priority: 0,
    slots: [
      { ...a, weight: 0 },
      { ...b, weight: 0 },
    ],
  };
  expect(idle.slots.map((slot) => shareIn(idle, slot))).toEqual([0.5, 0.5]);
});

it("only what has changed is sent", () => {
  const before = slots(["a", 0], ["b", 0], ["c", 2]);
  const after = weigh(join(before, "a", 2), "b", 2000);
  expect(changesOf(before, after)).toEqual([
    { id: "a", send: { priority: 2 } },
    { id: "b", send: { weight: 1000 } },
  ]);
  expect(changesOf(before, before)).toEqual([]);
});
