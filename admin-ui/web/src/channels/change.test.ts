import { describe, expect, it } from "vitest";
import { type Channel, parseChannel } from "../api/types";
import { en } from "../i18n/en";
import { changeOf, conflictOf } from "./change";
import { draftOf } from "./draft";

function channel(change: Record<string, unknown> = {}): Channel {
  return parseChannel({
    id: "ch_1",
    name: "One",
    enabled: true,
    provider: "openai",
    base_url: "https://one.test/v1",
    keys: [
      { id: "uk_1", hint: "a…b", enabled: true },
      { id: "uk_2", hint: "c…d", enabled: true },
    ],
    priority: 0,
    weight: 1,
    prices: { m: { prompt: 1_000_000, completion: 2_000_000 } },
    created_at: "2026-11-22T12:00:00Z",
    updated_at: "2026-11-22T12:00:00Z",
    revision: "r1",
    ...change,
  });
}

const key = (id: string, hint: string, enabled = true) => ({ id, hint, enabled });

describe("what is sent of an edited channel", () => {
  it("is nothing when nothing was changed", () => {
    expect(changeOf(channel(), draftOf(channel()))).toEqual({});
  });

  it("is the weight alone when only that was changed", () => {
    expect(changeOf(channel(), { ...draftOf(channel()), weight: "7" })).toEqual({ weight: 7 });
  });

  it("has the keys only when they were edited", () => {
    const draft = draftOf(channel());
    const [first, second] = draft.keys;
    if (first === undefined || second === undefined) {
      throw new Error("no keys");
    }
    const edited = {
      ...draft,
      keys: [
        { ...first, enabled: false },
        { ...second, removed: true },
      ],
    };
    expect(changeOf(channel(), edited)).toEqual({ keys: [{ id: "uk_1", enabled: false }] });
    expect(changeOf(channel(), { ...draft, newKeys: "'new-1', new-2" })).toEqual({
      keys: [{ id: "uk_1", enabled: true }, { id: "uk_2", enabled: true }, "new-1", "new-2"],
    });
  });

  it("keeps what another tab has done to other keys, and makes the own edits to what is left", () => {
    const draft = draftOf(channel());
    const [first, second] = draft.keys;
    if (first === undefined || second === undefined) {
      throw new Error("no keys");
    }
    const now = channel({
      weight: 9,
      keys: [key("uk_1", "a…b", false), key("uk_3", "e…f"), key("uk_4", "g…h"), key("uk_5", "i…j")],
    });
    // The weight: no word of keys, so that the three new ones stay.
    expect(changeOf(channel(), { ...draft, weight: "7" }, now)).toEqual({ weight: 7 });
    // One removed that is gone already, one added.
    const edited = { ...draft, keys: [first, { ...second, removed: true }], newKeys: "new-key" };
    expect(changeOf(channel(), edited, now)).toEqual({
      keys: [
        { id: "uk_1", enabled: false },
        { id: "uk_3", enabled: true },
        { id: "uk_4", enabled: true },
        { id: "uk_5", enabled: true },
        "new-key",
      ],
    });
  });

  it("is shown beside what the other has changed, keys by their ends", () => {
    const now = channel({ keys: [...channel().keys, key("uk_3", "e…f", false)] });
    const draft = { ...draftOf(channel()), weight: "7", newKeys: "sk-0123456789-secret-wxyz" };
    const found = conflictOf(channel(), draft, now, en);
    expect(found).toEqual([
      {
        name: "keys",
        before: "a…b, c…d",
        theirs: "a…b, c…d, e…f (off)",
        mine: "a…b, c…d, sk-0…wxyz (new)",
      },
      { name: "weight", before: "1", theirs: null, mine: "7" },
    ]);
    expect(JSON.stringify(found)).not.toContain("secret");
  });
});
