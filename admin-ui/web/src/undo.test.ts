import { afterEach, beforeEach, expect, it, vi } from "vitest";

let asked: { url: string; keepalive: boolean }[];
let conditions: (string | undefined)[];
let status: number;
let leave: () => void;
let undo: typeof import("./undo");

beforeEach(async () => {
  vi.resetModules();
  vi.useFakeTimers();
  asked = [];
  conditions = [];
  status = 204;
  vi.stubGlobal("fetch", (url: string, { keepalive, headers }: RequestInit) => {
    asked.push({ url, keepalive: keepalive ?? false });
    conditions.push((headers as Record<string, string>)["if-match"]);
    return Promise.resolve(new Response(status === 204 ? null : "{}", { status }));
  });
  vi.stubGlobal("addEventListener", (_: string, listener: () => void) => {
    leave = listener;
  });
  undo = await import("./undo");
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("deletes when the time to undo is over, and not before", async () => {
  undo.deleteLater({ id: "ch_1", name: "One", revision: null });
  expect(undo.isDeleted("ch_1")).toBe(true);
  await vi.advanceTimersByTimeAsync(undo.UNDO_MS - 1);
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toEqual([{ url: "/admin/api/channels/ch_1", keepalive: false }]);
});

it("deletes nothing that was taken back", async () => {
  undo.deleteLater({ id: "ch_1", name: "One", revision: null });
  undo.undo("ch_1");
  expect(undo.isDeleted("ch_1")).toBe(false);
  await vi.advanceTimersByTimeAsync(2 * undo.UNDO_MS);
  expect(asked).toEqual([]);
});

it("waits while the user considers it", async () => {
  undo.deleteLater({ id: "ch_1", name: "One", revision: null });
  undo.pause("ch_1");
  await vi.advanceTimersByTimeAsync(5 * undo.UNDO_MS);
  expect(asked).toEqual([]);
  undo.resume("ch_1");
  await vi.advanceTimersByTimeAsync(undo.UNDO_MS);
  expect(asked).toHaveLength(1);
});

it("deletes at once when the reader leaves or logs out", async () => {
  undo.deleteLater({ id: "ch_1", name: "One", revision: null });
  leave();
  expect(asked).toEqual([{ url: "/admin/api/channels/ch_1", keepalive: true }]);
  undo.undo("ch_1");
  undo.deleteLater({ id: "ch_2", name: "Two", revision: null });
  undo.pause("ch_2");
  await undo.deleteWaiting();
  expect(asked.map(({ url }) => url)).toEqual([
    "/admin/api/channels/ch_1",
    "/admin/api/channels/ch_2",
  ]);
});

it("shows it again, and why, when the gateway refuses", async () => {
  status = 503;
  undo.deleteLater({ id: "ch_1", name: "One", revision: null });
  await vi.advanceTimersByTimeAsync(undo.UNDO_MS);
  expect(undo.isDeleted("ch_1")).toBe(false);
  expect(undo.deletions.value[0]?.failure).toMatchObject({ status: 503 });
});

it("deletes only what was seen, and whatever it is on request", async () => {
  status = 412;
  undo.deleteLater({ id: "ch_1", name: "One", revision: "abc" });
  await vi.advanceTimersByTimeAsync(undo.UNDO_MS);
  expect(conditions).toEqual(['"abc"']);
  expect(undo.isDeleted("ch_1")).toBe(false);
  expect(undo.deletions.value[0]?.failure).toMatchObject({ status: 412 });
  status = 204;
  await undo.deleteAnyway("ch_1");
  expect(conditions).toEqual(['"abc"', undefined]);
  expect(undo.gone.value).toEqual(["ch_1"]);
});

it("keeps the condition when the reader leaves", () => {
  undo.deleteLater({ id: "ch_1", name: "One", revision: "abc" });
  leave();
  expect(conditions).toEqual(['"abc"']);
});
