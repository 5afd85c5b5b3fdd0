import { expect, it } from "vitest";
import type { Import, ImportChannel } from "../api/types";
import { en } from "../i18n/en";
import { movingEn } from "../i18n/moving.en";
import { movingZh, notesZh } from "../i18n/moving.zh";
import { isPossible, leftOutAtFirst, requestOf, taken, toggled } from "./choice";

const channel = (item: string, members: Partial<ImportChannel> = {}): ImportChannel => ({
  item,
  name: item,
  skipped: null,
  id: null,
  duplicate_of: null,
  provider: "openai",
  base_url: "https://up.example/v1",
  enabled: true,
  keys: [],
  models: [],
  model_map: {},
  priority: 0,
  weight: 1,
  tags: [],
  notes: [],
  ...members,
});

const plan: Import = {
  applied: false,
  format: "new_api",
  created: { channels: 2, keys: 0, aliases: 0 },
  channels: [
    channel("channels/0"),
    channel("channels/1", { duplicate_of: "ch_1" }),
    channel("channels/2", { skipped: "impossible" }),
  ],
  keys: [],
  aliases: [{ item: "aliases/0", name: "a", skipped: "name_taken", models: ["b"] }],
  notes: [],
  variables: [],
};

it("what is there already is left out at first, and can be taken", () => {
  const leftOut = leftOutAtFirst(plan);
  expect([...leftOut]).toEqual(["channels/1"]);
  expect(taken(plan.channels, leftOut).map(({ item }) => item)).toEqual(["channels/0"]);
  const all = toggled(leftOut, plan.channels, true);
  expect(taken(plan.channels, all)).toHaveLength(2);
  expect(taken(plan.channels, toggled(all, plan.channels, false))).toEqual([]);
});

it("what is impossible cannot be taken", () => {
  expect(plan.channels.map(isPossible)).toEqual([true, true, false]);
  expect(isPossible(channel("channels/3", { skipped: "left_out" }))).toBe(true);
  expect(plan.aliases.map(isPossible)).toEqual([false]);
});

it("a request has what was chosen, and no empty variable", () => {
  const wishes = { file: "AA==", format: null, skipNames: true, variables: { A: " ", B: "x" } };
  expect(requestOf(wishes, new Set(["channels/1"]))).toEqual({
    file: "AA==",
    name_conflicts: "skip",
    duplicates: "create",
    leave_out: ["channels/1"],
    variables: { B: "x" },
  });
  expect(requestOf({ ...wishes, format: "one_api" }, new Set()).format).toBe("one_api");
});

it("the texts are translated, and a note has one subject at most", () => {
  for (const [name, text] of Object.entries(movingZh)) {
    if (typeof text === "string") {
      expect(text, name).not.toBe(movingEn[name as keyof typeof movingEn]);
    }
  }
  for (const [code, text] of Object.entries(notesZh)) {
    expect(text.split("{}").length, code).toBeLessThan(3);
  }
  expect(en["settings.moveIn"]).not.toBe("");
});
