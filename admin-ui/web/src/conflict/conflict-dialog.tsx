//! Asks what to do with a change that met another one: reload, overwrite, or go on editing.
import { CloseButton, Dialog } from "../components/dialog";
import { t } from "../i18n";
import { useUnsaved } from "../unsaved";
import type { Difference } from "./changes";

interface ConflictProps {
  name: string;
  /** `null`: the object is gone. */
  differences: Difference[] | null;
  busy: boolean;
  onReload: () => void;
  onOverwrite: () => void;
  onClose: () => void;
}

export function ConflictDialog(props: ConflictProps) {
  const { name, differences, busy, onReload, onOverwrite, onClose } = props;
  const m = t.value;
  // Closing it goes on with the form behind it; leaving both loses what is to be saved.
  useUnsaved(true);
  return (
    <Dialog title={m["conflict.title"](name)} onClose={onClose} wide>
      <p role="alert">{differences === null ? m["conflict.gone"] : m["conflict.text"]}</p>
      {differences !== null && (
        <>
          <DifferenceTable differences={differences} />
          <p class="muted">{m["conflict.overwriteText"]}</p>
        </>
      )}
      <div class="actions actions--end">
        <CloseButton text={m["conflict.cancel"]} />
        <button
          type="button"
          class="button"
          aria-disabled={busy}
          onClick={() => busy || onReload()}
        >
          {m["conflict.reload"]}
        </button>
        {differences !== null && (
          <button
            type="button"
            class="button button--primary"
            aria-disabled={busy}
            onClick={() => busy || onOverwrite()}
          >
            {busy ? m["form.saving"] : m["conflict.overwrite"]}
          </button>
        )}
      </div>
    </Dialog>
  );
}

/** The roles are written out because browsers drop a table's meaning when it is not laid out as one. */
function DifferenceTable({ differences }: { differences: Difference[] }) {
  const m = t.value;
  return (
    <table class="conflict" role="table" aria-label={m["conflict.table"]}>
      <thead role="rowgroup">
        <tr role="row">
          {(["member", "before", "theirs", "mine"] as const).map((column) => (
            <th key={column} scope="col" role="columnheader">
              {m[`conflict.${column}`]}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {differences.map(({ name, before, theirs, mine }) => (
          <tr key={name} role="row">
            <th scope="row" role="rowheader">
              <code>{name}</code>
            </th>
            <td role="cell" data-label={m["conflict.before"]}>
              {before}
            </td>
            <td role="cell" data-label={m["conflict.theirs"]}>
              <Value text={theirs} tone="theirs" />
            </td>
            <td role="cell" data-label={m["conflict.mine"]}>
              <Value text={mine} tone="mine" />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Value({ text, tone }: { text: string | null; tone: "theirs" | "mine" }) {
  return text === null ? (
    <span class="muted">{t.value["conflict.same"]}</span>
  ) : (
    <span class={`conflict__${tone}`}>{text}</span>
  );
}
