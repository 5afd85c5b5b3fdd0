//! The playground's own client key: fetched when it is needed, kept in memory only, and renewed before it expires.
import { signal } from "@preact/signals";
import { playgroundKey } from "../api/client";
import type { Failure } from "../api/failure";
import type { CreatedKey } from "../api/types";

/** The gateway makes a value for an hour, and another one in the second half of it. */
const LIFETIME_MS = 60 * 60_000;
const ASKED_AGAIN_MS = 20 * 60_000;
/** A new value is in force on every instance within this time, but for Workers. */
const IN_FORCE_MS = 2_500;
/** On Workers it takes up to a minute. */
const MOST_WAIT_MS = 65_000;

/** Whether a new value is being waited for. */
export const isPreparing = signal(false);

let held: { key: CreatedKey; askedAt: number } | null = null;
let asking: Promise<Failure | null> | null = null;

/** The key, or why there is none. Who asks meanwhile waits for the same answer. */
export async function ownKey(): Promise<{ key: string } | { failure: Failure }> {
  if (held === null || Date.now() - held.askedAt > ASKED_AGAIN_MS) {
    asking ??= ask(false);
    const failure = await asking;
    if (failure !== null) {
      return { failure };
    }
  }
  return { key: held?.key.key ?? "" };
}

/** Another value, in the place of one that has leaked. */
export async function replaceKey(): Promise<Failure | null> {
  await asking;
  asking = ask(true);
  return asking;
}

async function ask(rotate: boolean): Promise<Failure | null> {
  isPreparing.value = true;
  const result = await playgroundKey(rotate);
  if (result.ok) {
    const isNew = result.value.key !== held?.key.key;
    held = { key: result.value, askedAt: Date.now() };
    const age = Date.now() - (Date.parse(result.value.expires_at ?? "") - LIFETIME_MS);
    if (isNew && !(age >= IN_FORCE_MS)) {
      await pause(IN_FORCE_MS);
    }
  }
  isPreparing.value = false;
  asking = null;
  return result.ok ? null : result.failure;
}

/**
 * Does `call` with the key, and again with the one that the gateway says then as long as it is rejected: it may have been
 * replaced, or not be in force yet. `signal` gives up waiting, not the call.
 */
export async function withOwnKey<T>(
  call: (key: string) => Promise<T>,
  isRejected: (answer: T) => boolean,
  signal: AbortSignal,
): Promise<{ answer: T } | { failure: Failure }> {
  const deadline = Date.now() + MOST_WAIT_MS;
  for (;;) {
    const own = await ownKey();
    if ("failure" in own) {
      return own;
    }
    const answer = await call(own.key);
    const isOff = held?.key.enabled === false;
    if (!isRejected(answer) || isOff || signal.aborted || Date.now() > deadline) {
      return { answer };
    }
    held = null;
    isPreparing.value = true;
    await pause(IN_FORCE_MS, signal);
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
