//! Saving a part of the settings from a form.
import { useSignal } from "@preact/signals";
import type { Failure } from "../api/failure";
import { type Body, changedMembers, type Difference, differences } from "../conflict/changes";
import { fieldProblems } from "../i18n/problems";
import { type Loaded, saveSettings } from "./save";

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
    return fieldProblems(failure.value, "settings")[name];
  }

  return { busy, isSaved, failure, save, overwrite, conflict, giveUp, problemsOf };
}
