import { afterEach, beforeEach, expect, it, vi } from "vitest";

let asked: { url: string; keepalive: boolean }[];
let sent: unknown[];
let answers: { status: number; body: unknown }[];
let conditions: (string | undefined)[];
let status: number;
let leave: () => void;
let undo: typeof import("./undo");

beforeEach(async () => {
  vi.resetModules();
  vi.useFakeTimers();
  asked = [];
  sent = [];
  answers = [];
  conditions = [];
  status = 204;
  vi.stubGlobal("fetch", (url: string, { keepalive, headers, body }: RequestInit) => {
    asked.push({ url, keepalive: keepalive ?? false });
    sent.push(typeof body === "string" ? JSON.parse(body) : null);
    conditions.push((headers as Record<string, string>)["if-match"]);
    const answer = answers.shift();
    if (answer !== undefined) {
      return Promise.resolve(new Response(JSON.stringify(answer.body), { status: answer.status }));
    }
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

const DONE = { status: 200, body: { data: [] } };

it("deletes many in one call, when the time to undo is over", async () => {
  answers = [DONE];
  undo.deleteManyLater("keys", ["ck_1", "ck_2"], "2 keys");
  expect([undo.isDeleted("ck_2"), undo.isDeleted("ck_3")]).toEqual([true, false]);
  await vi.advanceTimersByTimeAsync(undo.UNDO_MS);
  expect(asked).toEqual([{ url: "/admin/api/keys/bulk", keepalive: false }]);
  expect(sent).toEqual([{ ids: ["ck_1", "ck_2"], delete: true }]);
  expect(undo.gone.value).toHaveLength(1);
  expect(undo.isDeleted("ck_2")).toBe(true);
  // A pointer that leaves the toast does not begin it again.
  undo.resume(undo.gone.value[0] ?? "");
  await vi.advanceTimersByTimeAsync(undo.UNDO_MS);
  expect(asked).toHaveLength(1);
});

it("takes many back, and deletes them when the reader leaves", () => {
  undo.deleteManyLater("channels", ["ch_1", "ch_2"], "2 channels");
  undo.undo(undo.deletions.value[0]?.id ?? "");
  expect(undo.isDeleted("ch_1")).toBe(false);
  undo.deleteManyLater("channels", ["ch_3"], "1 channel");
  leave();
  expect(asked).toEqual([{ url: "/admin/api/channels/bulk", keepalive: true }]);
  expect(sent).toEqual([{ ids: ["ch_3"], delete: true }]);
});

it("deletes the others when some of many are gone already", async () => {
  const details = [{ path: "ids[1]", code: "unknown_id", message: "is not there" }];
  answers = [{ status: 400, body: { error: { code: "invalid_value", details } } }, DONE];
  undo.deleteManyLater("keys", ["ck_1", "ck_2"], "2 keys");
  await vi.advanceTimersByTimeAsync(undo.UNDO_MS);
  expect(sent).toEqual([
    { ids: ["ck_1", "ck_2"], delete: true },
    { ids: ["ck_1"], delete: true },
  ]);
  expect(undo.deletions.value[0]?.failure).toBe(null);
});

it("shows many again when the gateway refuses for another reason", async () => {
  const details = [{ path: "ids", code: "too_many", values: { max: 2000 }, message: "x" }];
  answers = [{ status: 400, body: { error: { code: "invalid_value", details } } }];
  undo.deleteManyLater("keys", ["ck_1"], "1 key");
  await vi.advanceTimersByTimeAsync(undo.UNDO_MS);
  expect(undo.isDeleted("ck_1")).toBe(false);
  expect(undo.deletions.value[0]?.failure).toMatchObject({ status: 400 });
});
