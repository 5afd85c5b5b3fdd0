import { expect, it } from "vitest";
import { diff } from "./diff";

const document = {
  version: 1,
  channels: [
    { id: "ch_1", name: "One", weight: 1, headers: { a: "1", b: "2" }, updated_at: "then" },
    { id: "ch_2", name: "Two", weight: 1, keys: [{ id: "uk_1", hint: "a…b" }] },
  ],
  keys: [{ id: "ck_1", name: "laptop" }],
  settings: { max_attempts: 10 },
};

it("is empty for the same document, whatever its order, times and secrets", () => {
  const [one, two] = document.channels;
  const same = {
    ...document,
    channels: [
      { ...one, headers: { b: "2", a: "1" }, updated_at: "now" },
      { ...two, keys: [{ id: "uk_1", hint: "a…b", key: "whole" }] },
    ],
  };
  expect(diff(document, same)).toEqual([]);
});

it("lists what is new, gone and different", () => {
  const next = {
    channels: [{ name: "One", weight: 5 }, { name: "Three" }],
    keys: [{ id: "ck_1", name: "laptop" }],
    settings: { max_attempts: 3 },
  };
  expect(diff(document, next)).toEqual([
    {
      kind: "changed",
      what: "channel",
      name: "One",
      members: [{ name: "weight", before: "1", after: "5" }],
    },
    { kind: "added", what: "channel", name: "Three", members: [] },
    { kind: "removed", what: "channel", name: "Two", members: [] },
    {
      kind: "changed",
      what: "settings",
      name: "",
      members: [{ name: "max_attempts", before: "10", after: "3" }],
    },
  ]);
});

it("shows default models and trusted proxies, also when the import leaves them out", () => {
  const settings = { max_attempts: 10, default_models: { rerank: "r" }, trusted_proxies: ["::1"] };
  const change = (next: object) => {
    const [one] = diff({ settings }, { settings: next });
    return one?.members.map(({ name, before, after }) => [name, before, after]);
  };
  expect(change({ ...settings, default_models: { rerank: "s" }, trusted_proxies: [] })).toEqual([
    ["default_models", '{"rerank":"r"}', '{"rerank":"s"}'],
    ["trusted_proxies", '["::1"]', "[]"],
  ]);
  expect(change({ max_attempts: 10 })).toEqual([
    ["default_models", '{"rerank":"r"}', "{}"],
    ["trusted_proxies", '["::1"]', "[]"],
  ]);
  expect(diff({ settings: { prices: {} } }, { settings: {} })).toEqual([]);
});

it("takes anything for a document, since the gateway judges it", () => {
  expect(diff(document, null)).toHaveLength(3);
  expect(diff(null, [])).toEqual([]);
});

it("an import without alerts removes them, and shows no webhook", () => {
  const url = "https://hooks.example/MIDDLE";
  const alerts = { rules: {}, destinations: [{ id: "ad_1", name: "Ops", url, secret: "MIDDLE" }] };
  const before = { version: 1, channels: [], keys: [], settings: {}, alerts };
  const [change] = diff(before, { version: 1, channels: [], keys: [] });
  expect(change?.members).toMatchObject([{ name: "alerts", after: "{}" }]);
  expect(JSON.stringify(change)).not.toContain("MIDDLE");
  expect(diff(before, before)).toEqual([]);
});
