//! Client keys: who may use this gateway, with what, until when.
import { type Signal, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { allowances, changeKey, deleteKey, keyPage, showKey } from "../api/client";
import { type Allowance, type KeyAllowance, LIMITS } from "../api/ledger";
import type { ClientKey, CreatedKey } from "../api/types";
import { Confirm } from "../components/dialog";
import { Switch } from "../components/fields";
import { Icon } from "../components/icons";
import { Link } from "../components/link";
import { listQuestion, SearchBox, SortHead, TagFilter, Tags } from "../components/list-tools";
import { FailureNotice, failureText } from "../components/notice";
import { PageHead } from "../components/page-head";
import { VirtualRows } from "../components/virtual-rows";
import { isGone, isStale } from "../conflict/stale";
import { useQuickChange } from "../conflict/use-quick-change";
import { formatTime, t } from "../i18n";
import { seenKey } from "../keys/change";
import { Created } from "../keys/created";
import { KeyDialog } from "../keys/key-dialog";
import { Limits } from "../keys/limits";
import { RotateDialog } from "../keys/rotate-dialog";
import { KeyState, Previous } from "../keys/state";
import { usePages } from "../pages-of";
import { useResource } from "../resource";

const EVERY_MS = 15_000;
const PAGE_ROWS = "100";
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

export function KeysPage() {
  const m = t.value;
  const question = listQuestion();
  const { rows, total, failure, loading, reload, onRange } = usePages(
    (cursor) => keyPage({ ...question, limit: PAGE_ROWS, ...(cursor === null ? {} : { cursor }) }),
    EVERY_MS,
    JSON.stringify(question),
  );
  const isLimited = "q" in question || "tag" in question;
  const open = {
    edited: useSignal<ClientKey | "new" | null>(null),
    created: useSignal<CreatedKey | null>(null),
    doomed: useSignal<ClientKey | null>(null),
    rotated: useSignal<ClientKey | null>(null),
  };
  const list = rows.value;

  return (
    <>
      <PageHead title={m["nav.keys"]} intro={introOf(list, total.value, loading.value)}>
        <AddKey
          onClick={() => {
            open.edited.value = "new";
          }}
        />
      </PageHead>
      <FailureNotice failure={failure.value} title={m["clients.failed"]} onRetry={reload} />
      {list === null && failure.value === null && <div class="card skeleton" aria-hidden="true" />}
      {(isLimited || (list !== null && list.length > 0)) && (
        <div class="filters">
          <SearchBox />
          <TagFilter />
        </div>
      )}
      {list?.length === 0 && <NoKeys isLimited={isLimited} />}
      {list !== null && list.length > 0 && (
        <KeyTable
          keys={list}
          total={total.value ?? list.length}
          onRange={onRange}
          onChanged={reload}
          onEdit={(key) => {
            open.edited.value = key;
          }}
          onDelete={(key) => {
            open.doomed.value = key;
          }}
          onRotate={(key) => {
            open.rotated.value = key;
          }}
        />
      )}
      <KeyDialogs open={open} reload={reload} />
    </>
  );
}

interface KeyDialogsProps {
  /** What each dialog is about; `null`: it is closed. */
  open: {
    edited: Signal<ClientKey | "new" | null>;
    created: Signal<CreatedKey | null>;
    doomed: Signal<ClientKey | null>;
    rotated: Signal<ClientKey | null>;
  };
  reload: () => Promise<void>;
}

function KeyDialogs({ open: { edited, created, doomed, rotated }, reload }: KeyDialogsProps) {
  return (
    <>
      {edited.value !== null && (
        <KeyDialog
          key={edited.value === "new" ? "new" : edited.value.revision}
          of={edited.value === "new" ? null : edited.value}
          onClose={() => {
            edited.value = null;
          }}
          onSaved={(key) => {
            edited.value = null;
            void reload();
            created.value = key;
          }}
          onReload={(key) => {
            edited.value = key;
            void reload();
          }}
        />
      )}
      {created.value !== null && (
        <Created
          created={created.value}
          onClose={() => {
            created.value = null;
          }}
        />
      )}
      {rotated.value !== null && (
        <RotateDialog
          of={rotated.value}
          onClose={() => {
            rotated.value = null;
          }}
          onRotated={(key) => {
            rotated.value = null;
            void reload();
            created.value = key;
          }}
          onReload={() => {
            rotated.value = null;
            void reload();
          }}
        />
      )}
      {doomed.value !== null && (
        <DeleteKey
          of={doomed.value}
          onDeleted={reload}
          onClose={() => {
            doomed.value = null;
          }}
        />
      )}
    </>
  );
}

function introOf(
  list: readonly ClientKey[] | null,
  total: number | null,
  isLoading: boolean,
): string | undefined {
  const m = t.value;
  if (list !== null) {
    return m["clients.count"](total ?? list.length);
  }
  return isLoading ? m["clients.loading"] : undefined;
}

function NoKeys({ isLimited }: { isLimited: boolean }) {
  const m = t.value;
  return (
    <div class="card state">
      <h2>{isLimited ? m["list.noMatch"] : m["clients.empty"]}</h2>
      <p>{isLimited ? m["list.noMatchText"] : m["clients.emptyText"]}</p>
    </div>
  );
}

function AddKey({ onClick }: { onClick: () => void }) {
  return (
    <button type="button" class="button button--primary" onClick={onClick}>
      <Icon name="add" />
      {t.value["clients.add"]}
    </button>
  );
}

interface DeleteKeyProps {
  of: ClientKey;
  onDeleted: () => void;
  onClose: () => void;
}

function DeleteKey({ of, onDeleted, onClose }: DeleteKeyProps) {
  const m = t.value;
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const revision = useSignal(of.revision);
  async function remove() {
    busy.value = true;
    problem.value = null;
    const result = await deleteKey(of.id, revision.value);
    busy.value = false;
    if (result.ok || isGone(result.failure)) {
      onClose();
      onDeleted();
    } else if (isStale(result.failure)) {
      // Confirmed again after the warning.
      revision.value = null;
      problem.value = m["conflict.deleteChanged"](of.name);
      onDeleted();
    } else {
      problem.value = failureText(result.failure);
    }
  }
  return (
    <Confirm
      title={m["clients.deleteTitle"](of.name)}
      text={m["clients.deleteText"]}
      action={
        problem.value !== null && revision.value === null
          ? m["conflict.deleteAnyway"]
          : m["clients.delete"]
      }
      busy={busy.value}
      problem={problem.value}
      onConfirm={remove}
      onClose={onClose}
    />
  );
}

interface KeyTableProps {
  keys: ClientKey[];
  total: number;
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

function KeyTable({ keys, total, onRange, ...actions }: KeyTableProps) {
  const m = t.value;
  const range = useSignal<readonly [number, number]>([0, BLOCK]);
  const used = useAllowances(keys, range.value);
  return (
    <div class="card">
      <table class="table" role="table" aria-label={m["nav.keys"]} aria-rowcount={total + 1}>
        <thead role="rowgroup">
          <tr role="row">
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
          columns={COLUMNS.length + 1}
          estimate={64}
          onRange={(first, end) => {
            range.value = [first, end];
            onRange(first, end);
          }}
        >
          {(key, index) => (
            <KeyRow of={key} index={index} allowance={used.get(key.id) ?? null} {...actions} />
          )}
        </VirtualRows>
      </table>
    </div>
  );
}

interface KeyRowProps extends Omit<KeyTableProps, "keys" | "total" | "onRange"> {
  of: ClientKey;
  index: number;
  allowance: Allowance | null;
}

function KeyRow({
  of,
  index,
  allowance: used,
  onChanged,
  onEdit,
  onDelete,
  onRotate,
}: KeyRowProps) {
  const m = t.value;
  const { wanted, change, rest } = useQuickChange({
    of,
    send: (send, revision) => changeKey(of.id, send, revision),
    show: () => showKey(of.id),
    seen: seenKey,
    onChanged,
  });
  return (
    <tr role="row" data-row={of.id} aria-rowindex={index + 2}>
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
          checked={(wanted?.["enabled"] as boolean | undefined) ?? of.enabled}
          busy={wanted !== null}
          onChange={(enabled) => change({ enabled })}
        />
        {rest}
      </td>
      <td role="cell" class="table__actions">
        <div class="actions">
          <button type="button" class="button button--small" onClick={() => onEdit(of)}>
            {m["clients.edit"]}
            <span class="visually-hidden"> {of.name}</span>
          </button>
          <button
            type="button"
            class="button button--bare"
            title={m["rotate.open"]}
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
            onClick={() => onDelete(of)}
          >
            <Icon name="remove" />
            <span class="visually-hidden">{m["channels.deleteOf"](of.name)}</span>
          </button>
        </div>
      </td>
    </tr>
  );
}
