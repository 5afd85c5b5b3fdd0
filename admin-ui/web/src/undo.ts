//! Deleting with second thoughts. Keys cannot be read back, so nothing is deleted before the time to undo is over, or the
//! reader leaves.
import { computed, signal } from "@preact/signals";
import { changeMany, deleteChannel, type Noun } from "./api/client";
import type { Failure, Result } from "./api/failure";

export const UNDO_MS = 10_000;

export interface Deletion {
  /** Of the object, or of the deletion where there are many. */
  id: string;
  /** As people call what is deleted. */
  name: string;
  /** Many objects that are deleted at once; `null`: one channel. */
  many: { noun: Noun; ids: readonly string[] } | null;
  /** The state that was chosen to be deleted; `null`: any. */
  revision: string | null;
  /** Set when the gateway refused. */
  failure: Failure | null;
}

/** Deletions that can be undone, failed, or are on their way. */
export const deletions = signal<Deletion[]>([]);
const timers = new Map<string, ReturnType<typeof setTimeout>>();
let lastNumber = 0;

const hidden = computed(
  () =>
    new Set(
      deletions.value
        .filter(({ failure }) => failure === null)
        .flatMap(({ id, many }) => (many === null ? [id] : many.ids)),
    ),
);

export function isDeleted(id: string): boolean {
  return hidden.value.has(id);
}

type Single = Pick<Deletion, "id" | "name" | "revision">;

export function deleteLater({ id, name, revision }: Single): void {
  begin({ id, name, many: null, revision, failure: null });
}

export function deleteManyLater(noun: Noun, ids: readonly string[], name: string): void {
  lastNumber += 1;
  const id = `many ${lastNumber}`;
  begin({ id, name, many: { noun, ids }, revision: null, failure: null });
}

function begin(deletion: Deletion): void {
  drop(deletion.id);
  deletions.value = [...deletions.value, deletion];
  resume(deletion.id);
}

function find(id: string): Deletion | undefined {
  return deletions.value.find((one) => one.id === id);
}

/** While someone considers it, the time is paused. */
export function pause(id: string): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
}

export function resume(id: string): void {
  pause(id);
  if (find(id)?.failure === null && !gone.value.includes(id)) {
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
  change(id, { revision: null, failure: null });
  return deleteNow(id);
}

function change(id: string, part: Partial<Deletion>): void {
  deletions.value = deletions.value.map((one) => (one.id === id ? { ...one, ...part } : one));
}

async function deleteNow(id: string): Promise<void> {
  timers.delete(id);
  const deletion = find(id);
  if (deletion === undefined) {
    return;
  }
  const result = await send(deletion);
  if (result.ok || isGone(result.failure)) {
    // The list may still hold it until it is loaded again; by then it is gone there, too.
    setTimeout(() => drop(id), UNDO_MS);
    gone.value = [...gone.value, id];
    return;
  }
  change(id, { failure: result.failure });
}

function isGone(failure: Failure): boolean {
  return failure.kind === "refused" && failure.status === 404;
}

async function send({ id, many, revision }: Deletion, isLeaving = false): Promise<Result<unknown>> {
  if (many === null) {
    return deleteChannel(id, revision, isLeaving);
  }
  const result = await changeMany(many.noun, { ids: many.ids, delete: true }, isLeaving);
  const missing = result.ok ? new Set<string>() : missingOf(result.failure, many.ids);
  if (missing.size === 0) {
    return result;
  }
  // Others have deleted some of them meanwhile.
  const ids = many.ids.filter((one) => !missing.has(one));
  return ids.length === 0
    ? { ok: true, value: null }
    : changeMany(many.noun, { ids, delete: true }, isLeaving);
}

/** Which objects there are not any more, if that and nothing else is why a bulk change was refused. */
export function missingOf(failure: Failure, ids: readonly string[]): Set<string> {
  const missing = new Set<string>();
  for (const { path, code } of failure.kind === "refused" ? failure.problems : []) {
    const index = /^ids\[(\d+)\]$/.exec(path)?.[1];
    const id = ids[Number(index)];
    if (code !== "unknown_id" || id === undefined) {
      return new Set();
    }
    missing.add(id);
  }
  return missing;
}

/** Deleted for good in this visit: nothing of them can be undone. */
export const gone = signal<string[]>([]);

/** Also those whose time is paused; asking twice for one that is on its way does no harm. */
function waiting(): Deletion[] {
  return deletions.value.filter(({ id, failure }) => failure === null && !gone.value.includes(id));
}

/** Does at once what is still waiting, before a session ends. */
export async function deleteWaiting(): Promise<void> {
  const all = waiting();
  for (const { id } of all) {
    pause(id);
  }
  await Promise.all(all.map(({ id }) => deleteNow(id)));
}

addEventListener("pagehide", () => {
  for (const deletion of waiting()) {
    void send(deletion, true);
  }
});
