//! Client keys: who may use this gateway, with what, until when.
import { useSignal } from "@preact/signals";
import { allowance, changeKey, deleteKey, listKeys, showKey } from "../api/client";
import type { Result } from "../api/failure";
import { type Allowance, LIMITS } from "../api/ledger";
import type { ClientKey, CreatedKey } from "../api/types";
import { Confirm } from "../components/dialog";
import { Switch } from "../components/fields";
import { Icon } from "../components/icons";
import { Link } from "../components/link";
import { FailureNotice, failureText } from "../components/notice";
import { PageHead } from "../components/page-head";
import { isGone, isStale } from "../conflict/stale";
import { useQuickChange } from "../conflict/use-quick-change";
import { formatTime, t } from "../i18n";
import { seenKey } from "../keys/change";
import { Created } from "../keys/created";
import { KeyDialog } from "../keys/key-dialog";
import { Limits } from "../keys/limits";
import { RotateDialog } from "../keys/rotate-dialog";
import { KeyState, Previous } from "../keys/state";
import { useResource } from "../resource";

const EVERY_MS = 15_000;
/** Each limited key is one call. */
const ALLOWANCES_ASKED = 50;

interface Listed {
  keys: ClientKey[];
  /** By key; missing where there are no limits, or while the gateway cannot say. */
  allowances: ReadonlyMap<string, Allowance>;
}

async function load(): Promise<Result<Listed>> {
  const keys = await listKeys();
  if (!keys.ok) {
    return keys;
  }
  const limited = keys.value.filter(({ limits }) => LIMITS.some((limit) => limits[limit] !== null));
  const asked = await Promise.all(
    limited.slice(0, ALLOWANCES_ASKED).map(async ({ id }) => [id, await allowance(id)] as const),
  );
  const allowances = new Map(
    asked.flatMap(([id, answer]) => (answer.ok ? [[id, answer.value] as const] : [])),
  );
  return { ok: true, value: { keys: keys.value, allowances } };
}

export function KeysPage() {
  const m = t.value;
  const { data, failure, loading, reload } = useResource(load, EVERY_MS);
  const edited = useSignal<ClientKey | "new" | null>(null);
  const created = useSignal<CreatedKey | null>(null);
  const doomed = useSignal<ClientKey | null>(null);
  const rotated = useSignal<ClientKey | null>(null);
  const list = data.value?.keys ?? null;

  return (
    <>
      <PageHead title={m["nav.keys"]} intro={introOf(list, loading.value)}>
        <AddKey
          onClick={() => {
            edited.value = "new";
          }}
        />
      </PageHead>
      <FailureNotice failure={failure.value} title={m["clients.failed"]} onRetry={reload} />
      {list === null && failure.value === null && <div class="card skeleton" aria-hidden="true" />}
      {list?.length === 0 && <NoKeys />}
      {list !== null && list.length > 0 && (
        <KeyTable
          keys={list}
          allowances={data.value?.allowances ?? new Map()}
          onChanged={reload}
          onEdit={(key) => {
            edited.value = key;
          }}
          onDelete={(key) => {
            doomed.value = key;
          }}
          onRotate={(key) => {
            rotated.value = key;
          }}
        />
      )}
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

function introOf(list: readonly ClientKey[] | null, isLoading: boolean): string | undefined {
  const m = t.value;
  if (list !== null) {
    return m["clients.count"](list.length);
  }
  return isLoading ? m["clients.loading"] : undefined;
}

function NoKeys() {
  const m = t.value;
  return (
    <div class="card state">
      <h2>{m["clients.empty"]}</h2>
      <p>{m["clients.emptyText"]}</p>
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
  allowances: ReadonlyMap<string, Allowance>;
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

function KeyTable({ keys, allowances, ...actions }: KeyTableProps) {
  const m = t.value;
  return (
    <div class="card">
      <table class="table" role="table" aria-label={m["nav.keys"]}>
        <thead role="rowgroup">
          <tr role="row">
            {COLUMNS.map((column) => (
              <th key={column} scope="col" role="columnheader">
                {m[`clients.${column}`]}
              </th>
            ))}
            <th scope="col" role="columnheader">
              <span class="visually-hidden">{m["channels.actions"]}</span>
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {keys.map((key) => (
            <KeyRow key={key.id} of={key} allowance={allowances.get(key.id) ?? null} {...actions} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface KeyRowProps extends Omit<KeyTableProps, "keys" | "allowances"> {
  of: ClientKey;
  allowance: Allowance | null;
}

function KeyRow({ of, allowance: used, onChanged, onEdit, onDelete, onRotate }: KeyRowProps) {
  const m = t.value;
  const { wanted, change, rest } = useQuickChange({
    of,
    send: (send, revision) => changeKey(of.id, send, revision),
    show: () => showKey(of.id),
    seen: seenKey,
    onChanged,
  });
  return (
    <tr role="row">
      <th scope="row" role="rowheader">
        <Link page="keys" item={of.id} class="key-name table__link">
          {of.name}
        </Link>
        <code class="muted">{of.hint}</code>
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
            class="button button--bare"
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
