//! Deleting with second thoughts. An upstream's keys cannot be read back, so nothing is deleted before
//! the time to undo is over, or the reader leaves.
import { signal } from "@preact/signals";
import { deleteChannel } from "./api/client";
import type { Failure } from "./api/failure";

export const UNDO_MS = 10_000;

export interface Deletion {
  id: string;
  name: string;
  /** The state that was chosen to be deleted; `null`: any. */
  revision: string | null;
  /** Set when the gateway refused. */
  failure: Failure | null;
}

/** Deletions that can be undone, failed, or are on their way. */
export const deletions = signal<Deletion[]>([]);
const timers = new Map<string, ReturnType<typeof setTimeout>>();

export function isDeleted(id: string): boolean {
  return deletions.value.some((one) => one.id === id && one.failure === null);
}

export function deleteLater({ id, name, revision }: Omit<Deletion, "failure">): void {
  drop(id);
  deletions.value = [...deletions.value, { id, name, revision, failure: null }];
  resume(id);
}

/** While someone considers it, the time is paused. */
export function pause(id: string): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
}

export function resume(id: string): void {
  pause(id);
  if (isDeleted(id)) {
    timers.set(
      id,
      setTimeout(() => void deleteNow(id), UNDO_MS),
    );
  }
}

export function undo(id: string): void {
  drop(id);
}

/** Also gives up a message of a failure. */
function drop(id: string): void {
  pause(id);
  deletions.value = deletions.value.filter((one) => one.id !== id);
}

/** Deletes it whatever it has become, after it was refused because it has changed. */
export function deleteAnyway(id: string): Promise<void> {
  deletions.value = deletions.value.map((one) =>
    one.id === id ? { ...one, revision: null, failure: null } : one,
  );
  return deleteNow(id);
}

function revisionOf(id: string): string | null {
  return deletions.value.find((one) => one.id === id)?.revision ?? null;
}

async function deleteNow(id: string): Promise<void> {
  timers.delete(id);
  const result = await deleteChannel(id, revisionOf(id));
  const isGone = result.ok || (result.failure.kind === "refused" && result.failure.status === 404);
  if (isGone) {
    // The list may still hold it until it is loaded again; by then it is gone there, too.
    setTimeout(() => drop(id), UNDO_MS);
    gone.value = [...gone.value, id];
    return;
  }
  deletions.value = deletions.value.map((one) =>
    one.id === id ? { ...one, failure: result.ok ? null : result.failure } : one,
  );
}

/** Deleted for good in this visit: nothing of them can be undone. */
export const gone = signal<string[]>([]);

/** Also those whose time is paused; asking twice for one that is on its way does no harm. */
function waiting(): string[] {
  return deletions.value
    .filter(({ id, failure }) => failure === null && !gone.value.includes(id))
    .map(({ id }) => id);
}

/** Does at once what is still waiting, before a session ends. */
export async function deleteWaiting(): Promise<void> {
  const all = waiting();
  for (const id of all) {
    pause(id);
  }
  await Promise.all(all.map(deleteNow));
}

addEventListener("pagehide", () => {
  for (const id of waiting()) {
    void deleteChannel(id, revisionOf(id), true);
  }
});
