import { beforeAll, beforeEach, expect, it, vi } from "vitest";

let unsaved: typeof import("./unsaved");
let unload: (event: { preventDefault: () => void }) => void;

beforeAll(async () => {
  vi.stubGlobal("addEventListener", (name: string, listener: typeof unload) => {
    expect(name).toBe("beforeunload");
    unload = listener;
  });
  unsaved = await import("./unsaved");
});

beforeEach(() => {
  unsaved.everything.releaseAll();
  unsaved.stay();
});

function isUnloadStopped(): boolean {
  const preventDefault = vi.fn();
  unload({ preventDefault });
  return preventDefault.mock.calls.length === 1;
}

it("leaves at once where nothing is unsaved", () => {
  const leave = vi.fn();
  unsaved.leaving(unsaved.everything, leave);
  expect(leave).toHaveBeenCalledOnce();
  expect(unsaved.question.value).toBeNull();
  expect(isUnloadStopped()).toBe(false);
});

it("asks first where something is, and leaves only when it is given up", () => {
  const leave = vi.fn();
  unsaved.everything.hold({});
  expect(isUnloadStopped()).toBe(true);
  unsaved.leaving(unsaved.everything, leave);
  unsaved.stay();
  expect(leave).not.toHaveBeenCalled();
  expect(isUnloadStopped()).toBe(true);

  const before = unsaved.givenUp.value;
  unsaved.leaving(unsaved.everything, leave);
  unsaved.question.value?.();
  expect(leave).toHaveBeenCalledOnce();
  expect(unsaved.question.value).toBeNull();
  expect(unsaved.givenUp.value).toBe(before + 1);
  expect(isUnloadStopped()).toBe(false);
});

it("asks of a dialog only what is in it, and of the page everything", () => {
  const dialog = new unsaved.Scope(unsaved.everything);
  const inner = new unsaved.Scope(dialog);
  const [ofPage, ofInner] = [{}, {}];
  unsaved.everything.hold(ofPage);
  expect(dialog.isEmpty).toBe(true);
  inner.hold(ofInner);
  expect(dialog.isEmpty).toBe(false);
  unsaved.everything.release(ofPage);
  expect(unsaved.everything.isEmpty).toBe(false);

  const before = unsaved.givenUp.value;
  unsaved.leaving(dialog, () => undefined);
  unsaved.question.value?.();
  expect(unsaved.everything.isEmpty).toBe(true);
  expect(unsaved.givenUp.value).toBe(before);
});

it("holds nothing twice, and what is released is not asked about", () => {
  const work = {};
  unsaved.everything.hold(work);
  unsaved.everything.hold(work);
  unsaved.everything.release(work);
  expect(unsaved.everything.isEmpty).toBe(true);
});
