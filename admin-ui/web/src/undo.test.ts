import { afterEach, beforeEach, expect, it, vi } from "vitest";

let asked: { url: string; keepalive: boolean }[];
let status: number;
let leave: () => void;
let undo: typeof import("./undo");

beforeEach(async () => {
  vi.resetModules();
  vi.useFakeTimers();
  asked = [];
  status = 204;
  vi.stubGlobal("fetch", (url: string, { keepalive }: { keepalive: boolean }) => {
    asked.push({ url, keepalive });
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
  undo.deleteLater("ch_1", "One");
  expect(undo.isDeleted("ch_1")).toBe(true);
  await vi.advanceTimersByTimeAsync(undo.UNDO_MS - 1);
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toEqual([{ url: "/admin/api/channels/ch_1", keepalive: false }]);
});

it("deletes nothing that was taken back", async () => {
  undo.deleteLater("ch_1", "One");
  undo.undo("ch_1");
  expect(undo.isDeleted("ch_1")).toBe(false);
  await vi.advanceTimersByTimeAsync(2 * undo.UNDO_MS);
  expect(asked).toEqual([]);
});

it("waits for whoever considers it", async () => {
  undo.deleteLater("ch_1", "One");
  undo.pause("ch_1");
  await vi.advanceTimersByTimeAsync(5 * undo.UNDO_MS);
  expect(asked).toEqual([]);
  undo.resume("ch_1");
  await vi.advanceTimersByTimeAsync(undo.UNDO_MS);
  expect(asked).toHaveLength(1);
});

it("deletes at once when the reader leaves or logs out", async () => {
  undo.deleteLater("ch_1", "One");
  leave();
  expect(asked).toEqual([{ url: "/admin/api/channels/ch_1", keepalive: true }]);
  undo.undo("ch_1");
  undo.deleteLater("ch_2", "Two");
  undo.pause("ch_2");
  await undo.deleteWaiting();
  expect(asked.map(({ url }) => url)).toEqual([
    "/admin/api/channels/ch_1",
    "/admin/api/channels/ch_2",
  ]);
});

it("shows it again, and why, when the gateway refuses", async () => {
  status = 503;
  undo.deleteLater("ch_1", "One");
  await vi.advanceTimersByTimeAsync(undo.UNDO_MS);
  expect(undo.isDeleted("ch_1")).toBe(false);
  expect(undo.deletions.value[0]?.failure).toMatchObject({ status: 503 });
});
