//! Saving a part of the settings from a form.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Failure } from "../api/failure";
import { type Body, changedMembers, type Difference, differences } from "../conflict/changes";
import { fieldProblems } from "../i18n/problems";
import { isSame, useUnsaved } from "../unsaved";
import { type Loaded, saveSettings } from "./save";

export interface FormProps {
  loaded: Loaded;
  /** Shows everywhere what is stored now. */
  reload: () => Promise<void>;
  /** What was typed in this form is given up for what is loaded. */
  restart: () => void;
}

/** Saving a part of the settings, which is `members` as they are typed now: what is going on and what is wrong with which
 * field. `show`: puts what was saved into the fields where the gateway writes it in another way, and gives the members
 * as they are then. */
export function useSaving(
  { loaded, reload, restart }: FormProps,
  members: Body,
  show: (now: Loaded) => Body = () => members,
) {
  const busy = useSignal(false);
  const isSaved = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  // What was typed began with these, also when another form has loaded newer ones since.
  const base = useSignal(loaded);
  const began = useSignal(members);
  const typed = useSignal<Body>({});
  const theirs = useSignal<Loaded | null>(null);
  const isUnsaved = !isSame(began.value, members);
  useUnsaved(isUnsaved);

  // Another form or an import has changed this part: that is shown, unless something is typed here.
  useEffect(() => {
    const changed = changedMembers({ ...base.value.settings }, { ...loaded.settings });
    if (!isUnsaved && !busy.value && Object.keys(members).some((name) => name in changed)) {
      restart();
    }
  }, [loaded]);

  async function save(over: Loaded = base.value) {
    if (busy.value) {
      return;
    }
    busy.value = true;
    isSaved.value = false;
    typed.value = changedMembers({ ...base.value.settings }, members);
    const result = await saveSettings(base.value, typed.value, over);
    busy.value = false;
    failure.value = result.ok ? null : result.failure;
    theirs.value = result.ok && result.value.kind === "conflict" ? result.value.theirs : null;
    if (result.ok && result.value.kind === "saved") {
      const { now } = result.value;
      isSaved.value = true;
      const others = changedMembers({ ...now.settings }, members);
      // The gateway may write in another way what was saved here.
      if (Object.keys(others).every((name) => name in typed.value)) {
        base.value = now;
        began.value = show(now);
        await reload();
      } else {
        // Others have changed what was not touched here: it is not shown any more as it was.
        await startAgain();
      }
    }
  }

  async function overwrite() {
    if (theirs.value !== null) {
      await save(theirs.value);
    }
  }

  async function startAgain() {
    await reload();
    restart();
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

  return {
    busy,
    isSaved,
    isUnsaved,
    failure,
    save,
    overwrite,
    startAgain,
    conflict,
    giveUp,
    problemsOf,
  };
}
