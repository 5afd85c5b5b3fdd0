//! The gateway's own settings. They are part of the configuration, so saving replaces it with itself
//! but for them, and only if nobody has changed it meanwhile.
import { useSignal } from "@preact/signals";
import { exportConfig, importConfig } from "../api/client";
import { type Failure, fieldProblems, type Result } from "../api/failure";
import { parseSettings, type Settings } from "../api/types";

export interface Loaded {
  document: { settings?: object };
  etag: string | null;
  settings: Settings;
}

export async function loadSettings(): Promise<Result<Loaded>> {
  const result = await exportConfig(false);
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

/** Saving a part of the settings: what is going on and what is wrong with which field. */
export function useSaving(loaded: Loaded, onSaved: () => void) {
  const busy = useSignal(false);
  const isSaved = useSignal(false);
  const failure = useSignal<Failure | null>(null);

  async function save(change: object) {
    if (busy.value) {
      return;
    }
    busy.value = true;
    isSaved.value = false;
    const settings = { ...loaded.document.settings, ...change };
    const result = await importConfig({ ...loaded.document, settings }, loaded.etag);
    busy.value = false;
    failure.value = result.ok ? null : result.failure;
    isSaved.value = result.ok;
    if (result.ok || (result.failure.kind === "refused" && result.failure.status === 409)) {
      // After a conflict what was typed stays, and is saved over what is there now when asked again.
      onSaved();
    }
  }

  /** What the gateway says of a member, or of something in it. */
  function problemsOf(name: string): string[] | undefined {
    return fieldProblems(failure.value)["settings"]?.filter((one) =>
      new RegExp(`settings\\.${name}\\b`).test(one),
    );
  }

  return { busy, isSaved, failure, save, problemsOf };
}
