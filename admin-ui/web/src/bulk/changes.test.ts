import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Failure, Problem } from "../api/failure";

let sent: unknown[];
let status: number;
let changes: typeof import("./changes");
let madeChanges: typeof import("./made")["madeChanges"];

const CHANGED = [
  { id: "ck_1", revision: "r1", former: { enabled: true } },
  { id: "ck_2", revision: "r2", former: { enabled: true } },
];

beforeEach(async () => {
  vi.resetModules();
  vi.useFakeTimers();
  sent = [];
  status = 200;
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("fetch", (url: string, { body }: RequestInit) => {
    sent.push([url, JSON.parse(String(body))]);
    const answer = status === 200 ? { data: [] } : { error: { code: "changed_meanwhile" } };
    return Promise.resolve(new Response(JSON.stringify(answer), { status }));
  });
  changes = await import("./changes");
  ({ madeChanges } = await import("./made"));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function offer(onUndone: () => void = () => undefined): number {
  changes.offerUndo({ noun: "keys", text: "2 keys disabled.", changed: CHANGED, onUndone });
  return madeChanges.value[0]?.number ?? 0;
}

it("sends former values back, each for the state that the change has left", async () => {
  const onUndone = vi.fn();
  await changes.undoChange(offer(onUndone));
  expect(sent).toEqual([
    [
      "/admin/api/keys/bulk",
      {
        changes: [
          { id: "ck_1", revision: "r1", change: { enabled: true } },
          { id: "ck_2", revision: "r2", change: { enabled: true } },
        ],
      },
    ],
  ]);
  expect(onUndone).toHaveBeenCalledOnce();
  expect(madeChanges.value).toEqual([]);
});

it("offers it for a while, and longer while someone considers it", async () => {
  const number = offer();
  changes.pauseOffer(number);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(madeChanges.value).toHaveLength(1);
  changes.resumeOffer(number);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(madeChanges.value).toEqual([]);
  await changes.undoChange(number);
  expect(sent).toEqual([]);
});

it("says when others were faster, and undoes it anyway on request", async () => {
  status = 412;
  const number = offer();
  await changes.undoChange(number);
  expect(changes.wasOverwritten(madeChanges.value[0]?.failure ?? null)).toBe(true);
  changes.resumeOffer(number);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(madeChanges.value).toHaveLength(1);
  status = 200;
  await changes.undoChange(number, true);
  expect(sent[1]).toEqual([
    "/admin/api/keys/bulk",
    {
      changes: [
        { id: "ck_1", change: { enabled: true } },
        { id: "ck_2", change: { enabled: true } },
      ],
    },
  ]);
  expect(madeChanges.value).toEqual([]);
});

it("names the objects in what is wrong with them", () => {
  const problem = (path: string): Problem => ({ path, code: "empty_list", message: "x" });
  const failure: Failure = {
    kind: "refused",
    status: 400,
    code: null,
    message: "",
    problems: [problem("ids[1].models"), problem("ids[0]"), problem("change.weight")],
    retryAfter: null,
  };
  const named = changes.withNames(failure, ["ch_1", "ch_2"], (id) =>
    id === "ch_2" ? "Two" : null,
  );
  const paths = named.kind === "refused" ? named.problems.map(({ path }) => path) : [];
  expect(paths).toEqual(["Two models", "ch_1", "change.weight"]);
});
