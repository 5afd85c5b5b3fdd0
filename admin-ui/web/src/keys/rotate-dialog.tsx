//! Replacing a client key by a new one: for how long the old one stays valid is chosen here.
import { useSignal } from "@preact/signals";
import { rotateKey, showKey } from "../api/client";
import type { Failure } from "../api/failure";
import type { ClientKey, CreatedKey } from "../api/types";
import { CloseButton, Dialog } from "../components/dialog";
import { SelectField } from "../components/fields";
import { FailureNotice, Notice } from "../components/notice";
import { Unsaved } from "../components/unsaved";
import { type Body, differences } from "../conflict/changes";
import { ConflictDialog } from "../conflict/conflict-dialog";
import { type Now, now } from "../conflict/stale";
import { formatTime, t } from "../i18n";
import { seenKey } from "./change";

/** Seconds. */
const GRACES = ["0", "3600", "86400", "604800", "2592000"] as const;
type Grace = (typeof GRACES)[number];
const DEFAULT_GRACE: Grace = "86400";

interface RotateProps {
  of: ClientKey;
  onClose: () => void;
  onRotated: (key: CreatedKey) => void;
  /** The key has changed or is gone, and nothing was done. */
  onReload: () => void;
}

/** The members that people know, with the key itself by its ends. */
function seen(key: ClientKey): Body {
  return { ...seenKey(key), hint: key.hint };
}

export function RotateDialog({ of, onClose, onRotated, onReload }: RotateProps) {
  const m = t.value;
  const grace = useSignal<Grace>(DEFAULT_GRACE);
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const met = useSignal<Now<ClientKey> | null>(null);

  async function rotate(revision: string | null) {
    if (busy.value) {
      return;
    }
    busy.value = true;
    failure.value = null;
    const result = await rotateKey(of.id, Number(grace.value), revision);
    if (result.ok) {
      onRotated(result.value);
      return;
    }
    const meanwhile = await now(result.failure, () => showKey(of.id));
    busy.value = false;
    met.value = meanwhile.ok ? meanwhile.value : null;
    failure.value = meanwhile.ok ? null : meanwhile.failure;
  }

  if (met.value !== null) {
    const { theirs } = met.value;
    const mine = { ...seen(of), hint: m["rotate.newKey"] };
    return (
      <ConflictDialog
        name={of.name}
        differences={theirs === null ? null : differences(seen(of), seen(theirs), mine)}
        busy={busy.value}
        onReload={onReload}
        onOverwrite={() => void rotate(theirs?.revision ?? null)}
        onClose={() => {
          met.value = null;
        }}
      />
    );
  }

  return (
    <Dialog title={m["rotate.title"](of.name)} onClose={onClose}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void rotate(of.revision);
        }}
      >
        <Unsaved when={grace.value !== DEFAULT_GRACE} />
        <p>{m["rotate.text"]}</p>
        {of.previous !== null && (
          <Notice tone="info">
            {m["rotate.second"](of.previous.hint, formatTime(of.previous.valid_until))}
          </Notice>
        )}
        <FailureNotice failure={failure.value} title={m["rotate.failed"]} />
        <SelectField
          label={m["rotate.grace"]}
          hint={m["rotate.graceHint"]}
          value={grace.value}
          options={GRACES.map((one) => [one, m[`rotate.grace.${one}`]] as const)}
          onChange={(value) => {
            grace.value = value;
          }}
        />
        <div class="actions actions--end">
          <CloseButton />
          <button type="submit" class="button button--primary" aria-disabled={busy.value}>
            {busy.value ? m["rotate.busy"] : m["rotate.do"]}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
