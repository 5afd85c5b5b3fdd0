//! What is sent of an edited channel: only what was changed, on top of what is stored now. Pure.
import type { Channel } from "../api/types";
import { type Body, changedMembers, type Difference, differences } from "../conflict/changes";
import type { en } from "../i18n/en";
import { bodyOf, type Draft, draftOf } from "./draft";
import { pastedKeys } from "./pasted-keys";

/** `base`: the channel as the draft began with it; `now`: as it is stored now. */
export function changeOf(base: Channel, draft: Draft, now: Channel = base): Body {
  const { keys: _, ...change } = changedMembers(bodyOf(draftOf(base)), bodyOf(draft));
  const keys = keysOf(base, draft, now);
  return keys === null ? change : { ...change, keys };
}

/** The whole list as the API requires it, with the edits made to the keys that are stored now; `null`: none. */
function keysOf(base: Channel, draft: Draft, now: Channel): unknown[] | null {
  const { removed, toggled } = editsOf(base, draft);
  const added = pastedKeys(draft.newKeys).keys;
  if (removed.size === 0 && toggled.size === 0 && added.length === 0) {
    return null;
  }
  const kept = now.keys
    .filter(({ id }) => !removed.has(id))
    .map(({ id, enabled }) => ({ id, enabled: toggled.get(id) ?? enabled }));
  return [...kept, ...added];
}

function editsOf(base: Channel, draft: Draft) {
  const was = new Map(base.keys.map(({ id, enabled }) => [id, enabled]));
  const removed = new Set(draft.keys.filter((key) => key.removed).map(({ id }) => id));
  const toggled = new Map(
    draft.keys
      .filter(({ id, enabled }) => was.get(id) !== enabled)
      .map(({ id, enabled }) => [id, enabled]),
  );
  return { removed, toggled };
}

/** The words for keys that are new or switched off. */
type Words = Pick<typeof en, "conflict.newKey" | "conflict.keyOff">;

/** A channel as people know it: its keys by their hints. */
export function seen(channel: Channel, words: Words): Body {
  return {
    ...bodyOf(draftOf(channel)),
    keys: channel.keys.map((key) => hintOf(key, words)),
  };
}

export function conflictOf(base: Channel, draft: Draft, now: Channel, words: Words): Difference[] {
  const before = seen(base, words);
  const { removed, toggled } = editsOf(base, draft);
  const added = pastedKeys(draft.newKeys).keys.map((key) =>
    words["conflict.newKey"](key.length < 16 ? "…" : `${key.slice(0, 4)}…${key.slice(-4)}`),
  );
  const kept = base.keys
    .filter(({ id }) => !removed.has(id))
    .map((key) => hintOf({ ...key, enabled: toggled.get(key.id) ?? key.enabled }, words));
  return differences(before, seen(now, words), { ...bodyOf(draft), keys: [...kept, ...added] });
}

function hintOf({ hint, enabled }: { hint: string; enabled: boolean }, words: Words): string {
  return enabled ? hint : words["conflict.keyOff"](hint);
}
