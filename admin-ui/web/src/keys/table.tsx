//! Client keys as a table; on a narrow screen each row is a block.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { allowances, changeKey, showKey } from "../api/client";
import { type Allowance, type KeyAllowance, LIMITS } from "../api/ledger";
import type { ClientKey } from "../api/types";
import { HeadCheck, RowCheck } from "../bulk/checks";
import type { Selection } from "../bulk/selection";
import { Switch } from "../components/fields";
import { Icon } from "../components/icons";
import { Link } from "../components/link";
import { SortHead, Tags } from "../components/list-tools";
import { VirtualRows } from "../components/virtual-rows";
import { useQuickChange } from "../conflict/use-quick-change";
import { formatTime, t } from "../i18n";
import { useResource } from "../resource";
import { denied } from "../session/roles";
import { seenKey } from "./change";
import { Limits } from "./limits";
import { KeyState, Previous } from "./state";

const EVERY_MS = 15_000;
/** What is used of limits is asked for so many rows at once. */
const BLOCK = 25;

/** What is used of the limits of the keys near the view, by key; those that were in view before stay. */
function useAllowances(keys: readonly ClientKey[], [first, end]: readonly [number, number]) {
  const known = useRef(new Map<string, Allowance>());
  const start = Math.floor(first / BLOCK) * BLOCK;
  const ids = keys
    .slice(start, Math.ceil(end / BLOCK) * BLOCK)
    .filter(({ limits }) => LIMITS.some((limit) => limits[limit] !== null))
    .map(({ id }) => id)
    .join(",");
  const { data } = useResource<KeyAllowance[]>(
    async () => (ids === "" ? { ok: true, value: [] } : allowances({ ids })),
    EVERY_MS,
    ids,
  );
  for (const one of data.value ?? []) {
    known.current.set(one.id, one);
  }
  return known.current;
}

interface KeyTableProps {
  keys: ClientKey[];
  total: number;
  selection: Selection;
  onAll: () => Promise<void>;
  onRange: (first: number, end: number) => void;
  onChanged: () => void;
  onEdit: (key: ClientKey) => void;
  onDelete: (key: ClientKey) => void;
  onRotate: (key: ClientKey) => void;
}

const COLUMNS = [
  "name",
  "state",
  "modelsHead",
  "limits",
  "lastUsed",
  "expires",
  "enabled",
] as const;

/** The columns by which the gateway sorts, under its names. */
const SORTS: Partial<Record<(typeof COLUMNS)[number], string>> = {
  name: "name",
  lastUsed: "last_used",
  expires: "expires",
};

export function KeyTable({ keys, total, selection, onAll, onRange, ...actions }: KeyTableProps) {
  const m = t.value;
  const range = useSignal<readonly [number, number]>([0, BLOCK]);
  const used = useAllowances(keys, range.value);
  return (
    <div class="card">
      <table class="table" role="table" aria-label={m["nav.keys"]} aria-rowcount={total + 1}>
        <thead role="rowgroup">
          <tr role="row">
            <HeadCheck selection={selection} total={total} onAll={onAll} />
            {COLUMNS.map((column) => {
              const sort = SORTS[column];
              const text = m[`clients.${column}`];
              return sort === undefined ? (
                <th key={column} scope="col" role="columnheader">
                  {text}
                </th>
              ) : (
                <SortHead
                  key={column}
                  name={sort}
                  text={text}
                  first={column === "lastUsed" ? "desc" : "asc"}
                />
              );
            })}
            <th scope="col" role="columnheader">
              <span class="visually-hidden">{m["channels.actions"]}</span>
            </th>
          </tr>
        </thead>
        <VirtualRows
          rows={keys}
          idOf={({ id }) => id}
          columns={COLUMNS.length + 2}
          estimate={64}
          onRange={(first, end) => {
            range.value = [first, end];
            onRange(first, end);
          }}
        >
          {(key, index) => (
            <KeyRow
              of={key}
              index={index}
              allowance={used.get(key.id) ?? null}
              selection={selection}
              order={() => keys.map(({ id }) => id)}
              {...actions}
            />
          )}
        </VirtualRows>
      </table>
    </div>
  );
}

interface KeyRowProps extends Omit<KeyTableProps, "keys" | "total" | "onAll" | "onRange"> {
  of: ClientKey;
  index: number;
  allowance: Allowance | null;
  /** The rows that are loaded. */
  order: () => readonly string[];
}

function KeyRow(props: KeyRowProps) {
  const { of, index, allowance: used, selection, order, onChanged } = props;
  const m = t.value;
  const { wanted, change, rest } = useQuickChange({
    of,
    send: (send, revision) => changeKey(of.id, send, revision),
    show: () => showKey(of.id),
    seen: seenKey,
    onChanged,
  });
  return (
    <tr role="row" data-row={of.id} data-chosen={selection.has(of.id)} aria-rowindex={index + 2}>
      <RowCheck selection={selection} id={of.id} name={of.name} order={order} />
      <th scope="row" role="rowheader">
        <Link page="keys" item={of.id} class="key-name table__link">
          {of.name}
        </Link>
        <code class="muted">{of.hint}</code>
        <Tags of={of.tags} />
      </th>
      <td role="cell" data-label={m["clients.state"]}>
        <div>
          <KeyState of={of} />
          <Previous of={of} onChanged={onChanged} />
        </div>
      </td>
      <td
        role="cell"
        data-label={m["clients.modelsHead"]}
        title={of.models.slice(0, 30).join("\n")}
      >
        {of.models.length === 0 ? m["channels.allModels"] : of.models.length}
      </td>
      <td role="cell" data-label={m["clients.limits"]}>
        <Limits of={of} allowance={used} />
      </td>
      <td role="cell" data-label={m["clients.lastUsed"]}>
        {of.last_used_at === null ? (
          <span class="muted">{m["clients.notUsed"]}</span>
        ) : (
          formatTime(of.last_used_at)
        )}
      </td>
      <td role="cell" data-label={m["clients.expires"]}>
        {of.expires_at === null ? m["clients.never"] : formatTime(of.expires_at)}
      </td>
      <td role="cell" data-label={m["clients.enabled"]}>
        <Switch
          label={m["clients.enabledOf"](of.name)}
          quiet
          denied={denied()}
          checked={(wanted?.["enabled"] as boolean | undefined) ?? of.enabled}
          busy={wanted !== null}
          onChange={(enabled) => change({ enabled })}
        />
        {rest}
      </td>
      <RowActions {...props} />
    </tr>
  );
}

function RowActions({ of, onEdit, onDelete, onRotate }: KeyRowProps) {
  const m = t.value;
  return (
    <td role="cell" class="table__actions">
      <div class="actions">
        <button type="button" class="button button--small" {...denied()} onClick={() => onEdit(of)}>
          {m["clients.edit"]}
          <span class="visually-hidden"> {of.name}</span>
        </button>
        <button
          type="button"
          class="button button--bare"
          title={m["rotate.open"]}
          {...denied()}
          onClick={() => onRotate(of)}
        >
          <Icon name="reload" />
          <span class="visually-hidden">{m["rotate.of"](of.name)}</span>
        </button>
        <Link
          page="overview"
          query={{ key: of.id }}
          class="button button--bare"
          title={m["clients.usage"]}
        >
          <Icon name="overview" />
          <span class="visually-hidden">{m["clients.usageOf"](of.name)}</span>
        </Link>
        <Link
          page="requests"
          query={{ key: of.id }}
          class="button button--bare"
          title={m["nav.requests"]}
        >
          <Icon name="requests" />
          <span class="visually-hidden">{m["clients.requestsOf"](of.name)}</span>
        </Link>
        <button
          type="button"
          class="button button--bare button--danger"
          title={m["clients.delete"]}
          {...denied()}
          onClick={() => onDelete(of)}
        >
          <Icon name="remove" />
          <span class="visually-hidden">{m["channels.deleteOf"](of.name)}</span>
        </button>
      </div>
    </td>
  );
}
