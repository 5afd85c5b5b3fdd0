//! The gateway's own settings. They are part of the configuration, so saving replaces it with itself
//! but for what was changed of them, and only if it has not been changed meanwhile.
import { exportConfig, importConfig } from "../api/client";
import type { Result } from "../api/failure";
import { parseSettings, type Settings } from "../api/types";
import { type Body, changedMembers } from "../conflict/changes";
import { isStale } from "../conflict/stale";

export interface Loaded {
  document: { settings?: object };
  etag: string | null;
  settings: Settings;
}

/** Changes of other parts of the configuration that may come in between before it is given up. */
const MAX_TRIES = 5;

export async function loadSettings(): Promise<Result<Loaded>> {
  return loadedOf(await exportConfig(false));
}

function loadedOf(result: Awaited<ReturnType<typeof exportConfig>>): Result<Loaded> {
  if (!result.ok) {
    return result;
  }
  const { document, etag } = result.value;
  try {
    const settings = parseSettings(document);
    return { ok: true, value: { document: document as Loaded["document"], etag, settings } };
  } catch {
    return { ok: false, failure: { kind: "unexpected" } };
  }
}

type Saved = { kind: "saved"; now: Loaded } | { kind: "conflict"; theirs: Loaded };

/** Saves `change` on top of `over`. Another change of the configuration is no conflict, unless it is one of the
 * very members. */
export async function saveSettings(
  base: Loaded,
  change: Body,
  over: Loaded = base,
): Promise<Result<Saved>> {
  let top = over;
  for (let turn = 0; ; turn += 1) {
    const settings = { ...top.document.settings, ...change };
    const saved = loadedOf(await importConfig({ ...top.document, settings }, top.etag));
    if (saved.ok) {
      return { ok: true, value: { kind: "saved", now: saved.value } };
    }
    if (!isStale(saved.failure) || turn === MAX_TRIES) {
      return saved;
    }
    const now = await loadSettings();
    if (!now.ok) {
      return now;
    }
    const theirs = changedMembers({ ...top.settings }, { ...now.value.settings });
    if (Object.keys(change).some((name) => name in theirs)) {
      return { ok: true, value: { kind: "conflict", theirs: now.value } };
    }
    top = now.value;
  }
}
