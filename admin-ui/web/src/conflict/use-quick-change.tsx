//! A change of one member right in a list, such as a switch: it is sent with the state that the list shows, and a
//! change that came in between is put before the reader.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Result } from "../api/failure";
import { failureText } from "../components/notice";
import { type Body, differences } from "./changes";
import { ConflictDialog } from "./conflict-dialog";
import { type Now, now } from "./stale";

interface Listed {
  name: string;
  revision: string | null;
}

interface Quick<T extends Listed> {
  /** As the list shows it. */
  of: T;
  send: (change: Body, revision: string | null) => Promise<Result<unknown>>;
  show: () => Promise<Result<T>>;
  /** The members that people know. */
  seen: (of: T) => Body;
  onChanged: () => unknown;
}

interface QuickChange {
  /** What is on its way. */
  wanted: Body | null;
  change: (change: Body) => Promise<void>;
  /** The problem, and the dialog while there is a conflict. */
  rest: ComponentChildren;
}

export function useQuickChange<T extends Listed>({
  of,
  send,
  show,
  seen,
  onChanged,
}: Quick<T>): QuickChange {
  const wanted = useSignal<Body | null>(null);
  const problem = useSignal<string | null>(null);
  const busy = useSignal(false);
  const met = useSignal<Now<T> | null>(null);

  async function attempt(change: Body, revision: string | null) {
    wanted.value = change;
    busy.value = true;
    problem.value = null;
    const result = await send(change, revision);
    if (result.ok) {
      await finish();
      return;
    }
    const meanwhile = await now(result.failure, show);
    busy.value = false;
    if (meanwhile.ok) {
      met.value = meanwhile.value;
    } else {
      problem.value = failureText(meanwhile.failure);
      met.value = null;
      wanted.value = null;
    }
  }

  async function finish() {
    met.value = null;
    await onChanged();
    busy.value = false;
    wanted.value = null;
  }

  const theirs = met.value?.theirs ?? null;
  const rest = (
    <>
      {met.value !== null && (
        <ConflictDialog
          name={of.name}
          differences={
            theirs === null
              ? null
              : differences(seen(of), seen(theirs), { ...seen(of), ...wanted.value })
          }
          busy={busy.value}
          onReload={() => void finish()}
          onOverwrite={() => void attempt(wanted.value ?? {}, theirs?.revision ?? null)}
          onClose={() => void finish()}
        />
      )}
      {problem.value !== null && (
        <span class="field__error" role="alert">
          {problem.value}
        </span>
      )}
    </>
  );
  return {
    wanted: wanted.value,
    change: (change) => attempt(change, of.revision),
    rest,
  };
}
