//! The audit log as a table; a row opens to show each member before and after.
import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { AuditChange, AuditEntry } from "../api/ledger";
import { FactList } from "../components/fact-list";
import { Icon } from "../components/icons";
import { Link } from "../components/link";
import { VirtualRows } from "../components/virtual-rows";
import { formatCount, formatSecond, t } from "../i18n";
import { HIDDEN, pageOf, summaryOf, valuesOf } from "./entries";
import { named, texts } from "./texts";

interface AuditTableProps {
  rows: readonly AuditEntry[];
  onRange: (first: number, end: number) => void;
}

export function AuditTable({ rows, onRange }: AuditTableProps) {
  const a = texts.value;
  const columns = [a.time, a.who, a.what, a.object, a.changes, a.address];
  return (
    <div class="card">
      <table class="table log" role="table" aria-label={t.value["nav.audit"]}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((text) => (
              <th key={text} scope="col" role="columnheader">
                {text}
              </th>
            ))}
          </tr>
        </thead>
        <VirtualRows
          rows={rows}
          idOf={({ id }) => id}
          columns={columns.length}
          estimate={45}
          onRange={onRange}
        >
          {(row) => <EntryRow of={row} columns={columns.length} />}
        </VirtualRows>
      </table>
    </div>
  );
}

function EntryRow({ of, columns }: { of: AuditEntry; columns: number }) {
  const a = texts.value;
  const isOpen = useSignal(false);
  const id = useId();
  const summary = summaryOf(of);
  const object = of.name ?? of.object;
  function toggle() {
    isOpen.value = !isOpen.value;
  }
  return (
    <>
      <tr
        role="row"
        class="log__row"
        data-row={of.id}
        data-open={isOpen.value}
        // The whole row is a large target for the pointer; the button in it is the control.
        onClick={(event) => {
          const isControl = (event.target as Element).closest("button, a") !== null;
          if (!isControl && getSelection()?.isCollapsed !== false) {
            toggle();
          }
        }}
      >
        <th scope="row" role="rowheader">
          <button
            type="button"
            class="log__open"
            aria-expanded={isOpen.value}
            aria-controls={id}
            onClick={toggle}
          >
            <Icon name="down" />
            <time dateTime={of.time}>{formatSecond(of.time)}</time>
            <span class="visually-hidden"> {a.open}</span>
          </button>
        </th>
        <td role="cell" data-label={a.who}>
          {of.who ?? "–"}
        </td>
        <td role="cell" data-label={a.what}>
          {named(a.action, of.action)}
        </td>
        <td
          role="cell"
          data-label={a.object}
          class="log__long log__long--model"
          title={[named(a.kind, of.kind), object].filter(Boolean).join(" ")}
        >
          <span>
            <span class="muted">{named(a.kind, of.kind)}</span> {object}
          </span>
        </td>
        <td
          role="cell"
          data-label={a.changes}
          class="log__long log__long--model"
          title={summary.paths === "" ? undefined : summary.paths}
        >
          <span>
            {summary.paths === "" ? "–" : <code>{summary.paths}</code>}
            {summary.more > 0 && <span class="muted"> {a.more(summary.more)}</span>}
          </span>
        </td>
        <td role="cell" data-label={a.address} class="log__long">
          {of.address ?? "–"}
        </td>
      </tr>
      <tr role="row" id={id} class="log__detail" hidden={!isOpen.value}>
        <td role="cell" colSpan={columns}>
          {isOpen.value && <Detail of={of} />}
        </td>
      </tr>
    </>
  );
}

function Detail({ of }: { of: AuditEntry }) {
  const a = texts.value;
  const page = pageOf(of);
  return (
    <>
      <FactList
        kind="facts--grid"
        of={[
          [a.time, <time key="time">{of.time}</time>],
          [a.id, <code key="id">{of.id}</code>],
          [
            a.object,
            of.object === null ? null : page === null ? (
              <code key="object">{of.object}</code>
            ) : (
              <Link key="object" page={page} item={of.object}>
                {of.object}
              </Link>
            ),
          ],
          [a.address, of.address],
        ]}
      />
      {of.changes.length === 0 ? (
        <p class="muted">{a.noChanges}</p>
      ) : (
        <ChangeTable changes={of.changes} />
      )}
      {of.omitted > 0 && <p class="muted">{a.omitted(formatCount(of.omitted))}</p>}
      {of.object !== null && (
        <p>
          <Link page="audit" query={{ object: of.object }}>
            {a.others}
          </Link>
        </p>
      )}
    </>
  );
}

/** The roles are written out because browsers drop a table's meaning when it is not laid out as one. */
function ChangeTable({ changes }: { changes: readonly AuditChange[] }) {
  const a = texts.value;
  return (
    <table class="conflict" role="table" aria-label={a.changes}>
      <thead role="rowgroup">
        <tr role="row">
          {[a.member, a.before, a.after].map((text) => (
            <th key={text} scope="col" role="columnheader">
              {text}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {changes.map((change) => {
          const [before, after] = valuesOf(change);
          const [gone, come] = change.partial === true ? [a.removed, a.added] : [null, null];
          return (
            <tr key={change.path} role="row">
              <th scope="row" role="rowheader">
                <code>{change.path}</code>
              </th>
              <td role="cell" data-label={a.before}>
                <Value of={before} what={gone} tone="theirs" />
              </td>
              <td role="cell" data-label={a.after}>
                <Value of={after} what={come} tone="mine" />
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

interface ValueProps {
  of: string | null;
  /** What is said of a part of a list. */
  what: string | null;
  tone: "theirs" | "mine";
}

function Value({ of, what, tone }: ValueProps) {
  const a = texts.value;
  return (
    <span>
      {what !== null && of !== "" && <span class="muted">{what}: </span>}
      <span class={`conflict__${tone}`}>{of === HIDDEN ? a.hidden : (of ?? a.unset)}</span>
    </span>
  );
}
