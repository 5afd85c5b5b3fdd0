//! The checkboxes of a table's rows and of its head.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { t } from "../i18n";
import { denied } from "../session/roles";
import { MOST, type Selection } from "./selection";

interface RowCheckProps {
  selection: Selection;
  id: string;
  name: string;
  /** The rows as they are listed, for a range with the shift key. */
  order: () => readonly string[];
}

export function RowCheck({ selection, id, name, order }: RowCheckProps) {
  const isRange = useRef(false);
  return (
    <td role="cell" class="table__check">
      <input
        type="checkbox"
        {...denied()}
        aria-label={t.value["list.select"](name)}
        checked={selection.has(id)}
        onClick={(event) => {
          // Before the change that follows; also for a click that the space bar makes.
          isRange.current = event.shiftKey;
        }}
        onChange={(event) =>
          selection.choose(id, event.currentTarget.checked, isRange.current ? order() : null)
        }
      />
    </td>
  );
}

interface HeadCheckProps {
  selection: Selection;
  /** How many rows the list has, with those that are not loaded. */
  total: number;
  onAll: () => Promise<void> | void;
}

export function HeadCheck({ selection, total, onAll }: HeadCheckProps) {
  const busy = useSignal(false);
  const count = selection.size;
  const isAll = count > 0 && count >= Math.min(total, MOST);
  return (
    <th scope="col" role="columnheader" class="table__check">
      <input
        type="checkbox"
        {...denied()}
        aria-label={t.value["list.selectAll"]}
        aria-busy={busy.value}
        checked={isAll}
        indeterminate={count > 0 && !isAll}
        onChange={async () => {
          if (isAll) {
            selection.clear();
          } else if (!busy.value) {
            busy.value = true;
            await onAll();
            busy.value = false;
          }
        }}
      />
    </th>
  );
}
