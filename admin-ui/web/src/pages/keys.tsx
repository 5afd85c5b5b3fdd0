//! Client keys: who may use this gateway, with what, until when.
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { deleteKey, keyPage, type ListQuestion } from "../api/client";
import type { ClientKey, CreatedKey } from "../api/types";
import { MOST, Selection } from "../bulk/selection";
import { Confirm } from "../components/dialog";
import { Choice } from "../components/filters";
import { Icon } from "../components/icons";
import { lazy } from "../components/lazy";
import { listQuestion, SearchBox, searchQuestion, TagFilter } from "../components/list-tools";
import { FailureNotice, failureText } from "../components/notice";
import { PageHead } from "../components/page-head";
import { isGone, isStale } from "../conflict/stale";
import { t } from "../i18n";
import { Created } from "../keys/created";
import { KeyDialog } from "../keys/key-dialog";
import { RotateDialog } from "../keys/rotate-dialog";
import { KeyTable } from "../keys/table";
import { usePages } from "../pages-of";
import { denied } from "../session/roles";
import { gone, isDeleted } from "../undo";

const BulkBar = lazy(async () => (await import("../bulk/bar")).BulkBar);

const EVERY_MS = 15_000;
/** By which the list can be filtered, under the API's names. */
const STATES = ["active", "limited", "disabled", "expired"] as const;
const PAGE_ROWS = "100";
/** Rows of a page when the ids of all of them are needed. */
const MOST_PAGE_ROWS = "500";

/** The ids of all keys that the question finds, as many as can be changed at once. */
async function idsOf(question: ListQuestion): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const after: ListQuestion = cursor === null ? {} : { cursor };
    const page = await keyPage({ ...question, limit: MOST_PAGE_ROWS, ...after });
    if (!page.ok) {
      return ids;
    }
    ids.push(...page.value.data.map(({ id }) => id));
    cursor = page.value.next;
  } while (cursor !== null && ids.length < MOST);
  return ids;
}

export function KeysPage() {
  const m = t.value;
  const question = listQuestion("state");
  const { rows, total, failure, loading, reload, onRange } = usePages(
    (cursor) => keyPage({ ...question, limit: PAGE_ROWS, ...(cursor === null ? {} : { cursor }) }),
    EVERY_MS,
    JSON.stringify(question),
  );
  const isLimited = Object.keys(searchQuestion("state")).length > 0;
  const open = {
    edited: useSignal<ClientKey | "new" | null>(null),
    created: useSignal<CreatedKey | null>(null),
    doomed: useSignal<ClientKey | null>(null),
    rotated: useSignal<ClientKey | null>(null),
  };
  const loaded = rows.value;
  const list = loaded?.filter(({ id }) => !isDeleted(id)) ?? null;
  const selection = useRef(new Selection()).current;
  // What is not shown any more must not be changed by mistake.
  useEffect(() => selection.clear(), [JSON.stringify(searchQuestion("state"))]);
  useEffect(() => {
    if (gone.value.length > 0) {
      void reload();
    }
  }, [gone.value]);
  const chooseAll = async () => {
    const ids = await idsOf(question);
    // Another list may be shown by now.
    if (JSON.stringify(listQuestion("state")) === JSON.stringify(question)) {
      selection.set(ids.filter((id) => !isDeleted(id)));
    }
  };

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
      {(isLimited || (loaded !== null && loaded.length > 0)) && (
        <div class="filters">
          <SearchBox />
          <Choice
            name="state"
            label={m["clients.state"]}
            options={STATES.map((one) => [one, textOf(one)] as const)}
          />
          <TagFilter />
        </div>
      )}
      {loaded?.length === 0 && <NoKeys isLimited={isLimited} />}
      {list !== null && loaded !== null && loaded.length > 0 && (
        <KeyTable
          keys={list}
          total={total.value ?? list.length}
          selection={selection}
          onAll={chooseAll}
          // Rows that are being deleted are loaded, but not shown.
          onRange={(first, end) => onRange(first, end + loaded.length - list.length)}
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
      {list !== null && selection.size > 0 && (
        <BulkBar
          noun="keys"
          selection={selection}
          total={total.value ?? list.length}
          nameOf={(id) => list.find((key) => key.id === id)?.name ?? null}
          onAll={chooseAll}
          onChanged={reload}
        />
      )}
      <KeyDialogs open={open} reload={reload} />
    </>
  );
}

function textOf(state: (typeof STATES)[number]): string {
  const m = t.value;
  return state === "disabled" ? m["key.disabled"] : m[`clients.${state}`];
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
    <button type="button" class="button button--primary" {...denied()} onClick={onClick}>
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
