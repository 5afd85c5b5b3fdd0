//! The rows of an import: what becomes of each channel, client key and alias, and whether it is taken.
import type { ComponentChildren } from "preact";
import type { ImportAlias, ImportChannel, ImportKey, ImportNote } from "../api/types";
import { formatCount, formatTime } from "../i18n";
import { type Item, isPossible } from "./choice";
import { noteText, skipText, texts } from "./texts";

/** Models that are shown of a row. */
const MAX_SHOWN = 3;
/** Rows of a table that are drawn. */
const MAX_ROWS = 500;

interface RowsProps<T extends Item> {
  of: readonly T[];
  leftOut: ReadonlySet<string>;
  /** What happened, in place of a choice. */
  isDone: boolean;
  onToggle: (items: readonly Item[], isTaken: boolean) => void;
}

export function ChannelRows(props: RowsProps<ImportChannel>) {
  const m = texts.value;
  const heads = [m.name, m.upstreamKeys, m.models, m.rank, m.remarks];
  return (
    <Table title={m.channels} heads={heads} {...props}>
      {(row) => (
        <>
          <th scope="row" role="rowheader">
            {row.name} {!row.enabled && <span class="tag">{m.disabled}</span>}
            <div class="muted">{row.base_url}</div>
          </th>
          <td role="cell" data-label={m.upstreamKeys}>
            {shortened(row.keys)}
          </td>
          <td role="cell" data-label={m.models}>
            {row.models.length === 0 && row.provider !== null ? m.allModels : shortened(row.models)}
          </td>
          <td role="cell" data-label={m.rank}>
            {row.priority} / {row.weight}
          </td>
          <td role="cell" data-label={m.remarks}>
            {row.duplicate_of !== null && <p>{m.existing}</p>}
            <Notes of={row.notes} />
          </td>
        </>
      )}
    </Table>
  );
}

export function KeyRows(props: RowsProps<ImportKey>) {
  const m = texts.value;
  return (
    <Table title={m.keys} text={m.keysText} heads={[m.name, m.models, m.remarks]} {...props}>
      {(row) => (
        <>
          <th scope="row" role="rowheader">
            {row.name} {!row.enabled && <span class="tag">{m.disabled}</span>}
            <div class="muted">
              {row.hint} {row.expires_at !== null && formatTime(row.expires_at)}
            </div>
          </th>
          <td role="cell" data-label={m.models}>
            {row.models.length === 0 ? m.allModels : shortened(row.models)}
          </td>
          <td role="cell" data-label={m.remarks}>
            <Notes of={row.notes} />
          </td>
        </>
      )}
    </Table>
  );
}

export function AliasList(props: RowsProps<ImportAlias>) {
  const m = texts.value;
  return (
    <Table title={m.aliases} heads={[m.name, m.models]} {...props}>
      {(row) => (
        <>
          <th scope="row" role="rowheader">
            {row.name}
          </th>
          <td role="cell" data-label={m.models}>
            {row.models.join(" → ")}
          </td>
        </>
      )}
    </Table>
  );
}

interface TableProps<T extends Item> extends RowsProps<T> {
  title: string;
  text?: string;
  heads: readonly string[];
  children: (row: T) => ComponentChildren;
}

function Table<T extends Item>(props: TableProps<T>) {
  const { title, text, heads, of, leftOut, isDone, onToggle, children } = props;
  const m = texts.value;
  const possible = of.filter(isPossible);
  const isAll = possible.every(({ item }) => !leftOut.has(item));
  return (
    <section class="card section" aria-label={title}>
      <h2>
        {title} ({formatCount(of.length)})
      </h2>
      {text !== undefined && <p class="muted">{text}</p>}
      {!isDone && possible.length > 1 && (
        <label class="check">
          <input
            type="checkbox"
            checked={isAll}
            onChange={(event) => onToggle(possible, event.currentTarget.checked)}
          />{" "}
          {m.all}
        </label>
      )}
      <table class="table" role="table" aria-label={title}>
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader">
              {m.import}
            </th>
            {heads.map((head) => (
              <th scope="col" role="columnheader" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {of.slice(0, MAX_ROWS).map((row) => (
            <tr role="row" key={row.item}>
              <td role="cell">
                <Choice row={row} leftOut={leftOut} isDone={isDone} onToggle={onToggle} />
              </td>
              {children(row)}
            </tr>
          ))}
        </tbody>
      </table>
      {of.length > MAX_ROWS && <p class="muted">{m.moreRows(formatCount(of.length - MAX_ROWS))}</p>}
    </section>
  );
}

interface ChoiceProps {
  row: Item;
  leftOut: ReadonlySet<string>;
  isDone: boolean;
  onToggle: RowsProps<Item>["onToggle"];
}

function Choice({ row, leftOut, isDone, onToggle }: ChoiceProps) {
  const m = texts.value;
  if (isDone) {
    return row.skipped === null ? m.done : <span class="tag">{skipText(row.skipped)}</span>;
  }
  if (!isPossible(row)) {
    return <span class="tag">{skipText(row.skipped)}</span>;
  }
  return (
    <input
      type="checkbox"
      aria-label={m.take(row.name)}
      checked={!leftOut.has(row.item)}
      onChange={(event) => onToggle([row], event.currentTarget.checked)}
    />
  );
}

export function Notes({ of }: { of: readonly ImportNote[] }) {
  return (
    <ul class="links">
      {of.map((note) => (
        <li key={`${note.code} ${note.subject}`}>{noteText(note)}</li>
      ))}
    </ul>
  );
}

function shortened(list: readonly string[]): string {
  const rest = list.length - MAX_SHOWN;
  const shown = list.slice(0, MAX_SHOWN).join(", ");
  return rest > 0 ? `${shown}, ${texts.value.more(formatCount(rest))}` : shown;
}
