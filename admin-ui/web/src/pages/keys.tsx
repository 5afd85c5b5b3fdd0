//! Client keys: who may use this gateway, with what, until when.
import { useSignal } from "@preact/signals";
import { changeKey, deleteKey, listChannels, listKeys } from "../api/client";
import { type ClientKey, type CreatedKey, servedModels } from "../api/types";
import { Confirm } from "../components/dialog";
import { Switch } from "../components/fields";
import { Icon } from "../components/icons";
import { FailureNotice, failureText } from "../components/notice";
import { PageHead } from "../components/page-head";
import { Status } from "../components/status";
import { formatCount, formatTime, t } from "../i18n";
import { Created } from "../keys/created";
import { KeyDialog } from "../keys/key-dialog";
import { useResource } from "../resource";

const EVERY_MS = 15_000;

export function KeysPage() {
  const m = t.value;
  const { data, failure, loading, reload } = useResource(listKeys, EVERY_MS);
  const edited = useSignal<ClientKey | "new" | null>(null);
  const created = useSignal<CreatedKey | null>(null);
  const model = useSignal("gpt-4o");
  const doomed = useSignal<ClientKey | null>(null);
  const list = data.value;

  async function show(key: CreatedKey) {
    // The examples should work as they stand, so they name a model that is served.
    const channels = await listChannels();
    const served = channels.ok ? channels.value.flatMap(servedModels)[0] : undefined;
    model.value = served ?? "gpt-4o";
    created.value = key;
  }

  const add = (
    <button
      type="button"
      class="button button--primary"
      onClick={() => {
        edited.value = "new";
      }}
    >
      <Icon name="add" />
      {m["clients.add"]}
    </button>
  );
  return (
    <>
      <PageHead
        title={m["nav.keys"]}
        intro={
          list !== null
            ? m["clients.count"](list.length)
            : loading.value
              ? m["clients.loading"]
              : undefined
        }
      >
        {add}
      </PageHead>
      <FailureNotice failure={failure.value} title={m["clients.failed"]} onRetry={reload} />
      {list === null && failure.value === null && <div class="card skeleton" aria-hidden="true" />}
      {list?.length === 0 && (
        <div class="card state">
          <h2>{m["clients.empty"]}</h2>
          <p>{m["clients.emptyText"]}</p>
        </div>
      )}
      {list !== null && list.length > 0 && (
        <KeyTable
          keys={list}
          onChanged={reload}
          onEdit={(key) => {
            edited.value = key;
          }}
          onDelete={(key) => {
            doomed.value = key;
          }}
        />
      )}
      {edited.value !== null && (
        <KeyDialog
          of={edited.value === "new" ? null : edited.value}
          onClose={() => {
            edited.value = null;
          }}
          onSaved={(key) => {
            edited.value = null;
            void reload();
            if (key !== null) {
              void show(key);
            }
          }}
        />
      )}
      {created.value !== null && (
        <Created
          created={created.value}
          model={model.value}
          onClose={() => {
            created.value = null;
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

interface DeleteKeyProps {
  of: ClientKey;
  onDeleted: () => void;
  onClose: () => void;
}

function DeleteKey({ of, onDeleted, onClose }: DeleteKeyProps) {
  const m = t.value;
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  async function remove() {
    busy.value = true;
    problem.value = null;
    const result = await deleteKey(of.id);
    busy.value = false;
    if (result.ok) {
      onClose();
      onDeleted();
    } else {
      problem.value = failureText(result.failure);
    }
  }
  return (
    <Confirm
      title={m["clients.deleteTitle"](of.name)}
      text={m["clients.deleteText"]}
      action={m["clients.delete"]}
      busy={busy.value}
      problem={problem.value}
      onConfirm={remove}
      onClose={onClose}
    />
  );
}

interface KeyTableProps {
  keys: ClientKey[];
  onChanged: () => void;
  onEdit: (key: ClientKey) => void;
  onDelete: (key: ClientKey) => void;
}

function KeyTable({ keys, ...actions }: KeyTableProps) {
  const m = t.value;
  return (
    <div class="card">
      <table class="table" role="table" aria-label={m["nav.keys"]}>
        <thead role="rowgroup">
          <tr role="row">
            {(["name", "state", "modelsHead", "limits", "expires", "enabled"] as const).map(
              (column) => (
                <th key={column} scope="col" role="columnheader">
                  {m[`clients.${column}`]}
                </th>
              ),
            )}
            <th scope="col" role="columnheader">
              <span class="visually-hidden">{m["channels.actions"]}</span>
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {keys.map((key) => (
            <KeyRow key={key.id} of={key} {...actions} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface KeyRowProps extends Omit<KeyTableProps, "keys"> {
  of: ClientKey;
}

function KeyRow({ of, onChanged, onEdit, onDelete }: KeyRowProps) {
  const m = t.value;
  const wanted = useSignal<boolean | null>(null);
  const problem = useSignal<string | null>(null);
  async function change(enabled: boolean) {
    wanted.value = enabled;
    problem.value = null;
    const result = await changeKey(of.id, { enabled });
    if (result.ok) {
      await onChanged();
    } else {
      problem.value = failureText(result.failure);
    }
    wanted.value = null;
  }
  return (
    <tr role="row">
      <th scope="row" role="rowheader">
        <span class="key-name">{of.name}</span>
        <code class="muted">{of.hint}</code>
      </th>
      <td role="cell" data-label={m["clients.state"]}>
        <KeyState of={of} />
      </td>
      <td
        role="cell"
        data-label={m["clients.modelsHead"]}
        title={of.models.slice(0, 30).join("\n")}
      >
        {of.models.length === 0 ? m["channels.allModels"] : of.models.length}
      </td>
      <td role="cell" data-label={m["clients.limits"]}>
        {limitsText(of)}
      </td>
      <td role="cell" data-label={m["clients.expires"]}>
        {of.expires_at === null ? m["clients.never"] : formatTime(of.expires_at)}
      </td>
      <td role="cell" data-label={m["clients.enabled"]}>
        <Switch
          label={m["clients.enabledOf"](of.name)}
          quiet
          checked={wanted.value ?? of.enabled}
          busy={wanted.value !== null}
          onChange={change}
        />
        {problem.value !== null && (
          <span class="field__error" role="alert">
            {problem.value}
          </span>
        )}
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

function KeyState({ of }: { of: ClientKey }) {
  const m = t.value;
  if (!of.enabled) {
    return <Status tone="off">{m["key.disabled"]}</Status>;
  }
  const isOver = of.expires_at !== null && Date.parse(of.expires_at) <= Date.now();
  return isOver ? (
    <Status tone="bad">{m["clients.expired"]}</Status>
  ) : (
    <Status tone="good">{m["clients.active"]}</Status>
  );
}

function limitsText({ limits }: ClientKey): string {
  const m = t.value;
  const parts = [
    limits.requests_per_minute !== null &&
      m["clients.perMinute"](formatCount(limits.requests_per_minute)),
    limits.tokens_per_minute !== null &&
      m["clients.tokensMinute"](formatCount(limits.tokens_per_minute)),
    limits.tokens_per_day !== null && m["clients.tokensDay"](formatCount(limits.tokens_per_day)),
  ].filter((part) => part !== false);
  return parts.length === 0 ? m["clients.unlimited"] : parts.join(", ");
}
