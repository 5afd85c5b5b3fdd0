//! The gateway's own settings. They are part of the configuration, so saving replaces it with itself
//! but for what was changed of them, and only if it has not been changed meanwhile.
import { useSignal } from "@preact/signals";
import { exportConfig, importConfig } from "../api/client";
import { type Failure, fieldProblems, type Result } from "../api/failure";
import { parseSettings, type Settings } from "../api/types";
import { type Body, changedMembers, type Difference, differences } from "../conflict/changes";
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

/** Saving a part of the settings: what is going on and what is wrong with which field. */
export function useSaving(loaded: Loaded, onSaved: (now: Loaded) => void, onReload: () => void) {
  const busy = useSignal(false);
  const isSaved = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  // What was typed began with these, also when another form has loaded newer ones since.
  const base = useSignal(loaded);
  const typed = useSignal<Body>({});
  const theirs = useSignal<Loaded | null>(null);

  async function save(members: object, over: Loaded = base.value) {
    if (busy.value) {
      return;
    }
    busy.value = true;
    isSaved.value = false;
    typed.value = changedMembers({ ...base.value.settings }, { ...members });
    const result = await saveSettings(base.value, typed.value, over);
    busy.value = false;
    failure.value = result.ok ? null : result.failure;
    theirs.value = result.ok && result.value.kind === "conflict" ? result.value.theirs : null;
    if (result.ok && result.value.kind === "saved") {
      const { now } = result.value;
      isSaved.value = true;
      const others = changedMembers({ ...now.settings }, { ...members });
      // The gateway may write in another way what was saved here.
      if (Object.keys(others).every((name) => name in typed.value)) {
        base.value = now;
        onSaved(now);
      } else {
        // Others have changed what was not touched here: it is not shown any more as it was.
        onReload();
      }
    }
  }

  function overwrite() {
    if (theirs.value !== null) {
      void save({ ...base.value.settings, ...typed.value }, theirs.value);
    }
  }

  function conflict(): Difference[] | null {
    if (theirs.value === null) {
      return null;
    }
    const before: Body = { ...base.value.settings };
    return differences(before, { ...theirs.value.settings }, { ...before, ...typed.value });
  }

  function giveUp() {
    theirs.value = null;
  }

  /** What the gateway says of a member, or of something in it. */
  function problemsOf(name: string): string[] | undefined {
    return fieldProblems(failure.value)["settings"]?.filter((one) =>
      new RegExp(`settings\\.${name}\\b`).test(one),
    );
  }

  return { busy, isSaved, failure, save, overwrite, conflict, giveUp, problemsOf };
}
