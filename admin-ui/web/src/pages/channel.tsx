//! One channel, new or stored: the form, testing it, deleting it. What is typed stays until the
//! gateway has taken it.
import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { changeChannel, createChannel, listChannels, showChannel } from "../api/client";
import type { Failure } from "../api/failure";
import type { Channel } from "../api/types";
import { changeOf, conflictOf } from "../channels/change";
import { bodyOf, type Draft, draftOf, emptyDraft } from "../channels/draft";
import { ChannelForm } from "../channels/form";
import { pastedKeys } from "../channels/pasted-keys";
import { template } from "../channels/template";
import { TestDialog } from "../channels/test-dialog";
import { Icon } from "../components/icons";
import { Link } from "../components/link";
import { FailureNotice, Notice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { ConflictDialog } from "../conflict/conflict-dialog";
import { type Now, now } from "../conflict/stale";
import { t } from "../i18n";
import { fieldProblems } from "../i18n/problems";
import { go } from "../router";
import { denied } from "../session/roles";
import { deleteLater, isDeleted } from "../undo";
import { everything, isSame, useUnsaved } from "../unsaved";

interface New {
  id: string;
  /** What became of its keys. */
  keys: string | null;
}

/** The channel that was just created, to say so on its page. */
const created = signal<New | null>(null);

export function ChannelPage({ id }: { id: string }) {
  return id === "new" ? <NewChannel /> : <StoredChannel id={id} />;
}

function NewChannel() {
  const start = useRef<{ draft: Draft; isCopy: boolean } | null>(null);
  if (start.current === null) {
    start.current = { draft: template.value ?? emptyDraft(), isCopy: template.value !== null };
    template.value = null;
  }
  return (
    <>
      <PageHead title={t.value["form.newTitle"]} />
      {start.current.isCopy && <Notice tone="info">{t.value["form.copyHint"]}</Notice>}
      <Editor start={start.current.draft} stored={null} onSaved={() => undefined} />
    </>
  );
}

function StoredChannel({ id }: { id: string }) {
  const m = t.value;
  const channel = useSignal<Channel | null>(null);
  const failure = useSignal<Failure | null>(null);
  const isMissing = useSignal(false);
  const isTesting = useSignal(false);
  const isNew = useRef(created.value?.id === id ? created.value : null).current;

  async function load() {
    failure.value = null;
    const result = await listChannels();
    if (result.ok) {
      channel.value = result.value.find((one) => one.id === id) ?? null;
      isMissing.value = channel.value === null || isDeleted(id);
    } else {
      failure.value = result.failure;
    }
  }
  useEffect(() => {
    created.value = null;
    void load();
  }, []);

  const stored = channel.value;
  if (isMissing.value) {
    return (
      <>
        <PageHead title={m["form.missing"]} />
        <div class="card state">
          <p>{m["form.missingText"]}</p>
          <Link page="channels" class="button">
            {m["app.toChannels"]}
          </Link>
        </div>
      </>
    );
  }
  return (
    <>
      <PageHead
        title={stored?.name ?? m["form.title"]}
        intro={stored === null && failure.value === null ? m["channels.loading"] : undefined}
      >
        {stored !== null && (
          <>
            <button
              type="button"
              class="button"
              {...denied()}
              onClick={() => {
                isTesting.value = true;
              }}
            >
              <Icon name="test" />
              {m["channels.test"]}
            </button>
            <button
              type="button"
              class="button button--danger"
              {...denied()}
              onClick={() => {
                everything.releaseAll();
                deleteLater(stored);
                go("channels");
              }}
            >
              <Icon name="remove" />
              {m["channels.delete"]}
            </button>
            <Link page="audit" query={{ object: stored.id }} class="button">
              <Icon name="audit" />
              {m["audit.ofObject"]}
            </Link>
          </>
        )}
      </PageHead>
      <FailureNotice failure={failure.value} title={m["channels.failed"]} onRetry={load} />
      {stored !== null && (
        <Editor
          start={draftOf(stored)}
          stored={stored}
          isNew={isNew}
          onSaved={(next) => {
            channel.value = next;
          }}
        />
      )}
      {isTesting.value && stored !== null && (
        <TestDialog
          channel={stored}
          onClose={() => {
            isTesting.value = false;
          }}
        />
      )}
    </>
  );
}

interface EditorProps {
  start: Draft;
  stored: Channel | null;
  isNew?: New | null;
  onSaved: (channel: Channel) => void;
}

/** How many of the pasted keys were taken; `null` when none were pasted. */
function keysAdded(pasted: string, stored: number): string | null {
  if (pasted.trim() === "") {
    return null;
  }
  const { keys, duplicates, others } = pastedKeys(pasted);
  return `${t.value["form.keysAdded"](keys.length - stored, duplicates + stored, others.length)}.`;
}

/** What is being typed, and saving it. */
function useEditing({ start, stored, onSaved }: EditorProps, onRefused: () => void) {
  const began = useSignal(start);
  const draft = useSignal(start);
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const isSaved = useSignal(false);
  const isChanged = useSignal(false);
  const added = useSignal<string | null>(null);
  const met = useSignal<Now<Channel> | null>(null);

  const release = useUnsaved(!isSame(began.value, draft.value));

  function change(part: Partial<Draft>) {
    draft.value = { ...draft.value, ...part };
    isChanged.value = true;
  }

  /** As the gateway has it now: new keys have become hints. */
  function begin(channel: Channel) {
    began.value = draftOf(channel);
    draft.value = began.value;
    isChanged.value = false;
    onSaved(channel);
  }

  /** Saves what was changed on top of `over`, the channel as it was loaded or as it is now. */
  async function save(over: Channel | null) {
    if (busy.value) {
      return;
    }
    busy.value = true;
    failure.value = null;
    const result = await (stored === null || over === null
      ? createChannel(bodyOf(draft.value))
      : changeChannel(stored.id, changeOf(stored, draft.value, over), over.revision));
    const meanwhile =
      result.ok || stored === null
        ? result
        : await now(result.failure, () => showChannel(stored.id));
    busy.value = false;
    met.value = null;
    if (!result.ok) {
      if (meanwhile.ok) {
        met.value = "theirs" in meanwhile.value ? meanwhile.value : null;
        return;
      }
      failure.value = meanwhile.failure;
      onRefused();
      return;
    }
    release();
    added.value = keysAdded(draft.value.newKeys, result.value.duplicate_keys ?? 0);
    if (stored === null) {
      created.value = { id: result.value.id, keys: added.value };
      go("channels", result.value.id);
    } else {
      begin(result.value);
      isSaved.value = true;
    }
  }

  function reload(theirs: Channel | null) {
    met.value = null;
    if (theirs === null) {
      everything.releaseAll();
      go("channels");
      return;
    }
    begin(theirs);
    isSaved.value = false;
  }

  return { draft, busy, failure, isSaved, isChanged, added, met, change, save, reload };
}

function Editor(props: EditorProps) {
  const { stored, isNew = null } = props;
  const m = t.value;
  const form = useRef<HTMLFormElement>(null);
  const { draft, busy, failure, isSaved, isChanged, added, met, change, save, reload } = useEditing(
    props,
    // After the drawing that marks them, to the first field that is wrong.
    () =>
      setTimeout(() => {
        const wrong = form.current?.querySelector<HTMLElement>(
          "[aria-invalid=true], [data-invalid=true] input",
        );
        wrong?.focus();
      }),
  );

  return (
    <form
      class="form"
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        void save(stored);
      }}
      noValidate
    >
      {stored !== null && met.value !== null && (
        <ConflictDialog
          name={stored.name}
          differences={
            met.value.theirs === null ? null : conflictOf(stored, draft.value, met.value.theirs, m)
          }
          busy={busy.value}
          onReload={() => reload(met.value?.theirs ?? null)}
          onOverwrite={() => void save(met.value?.theirs ?? null)}
          onClose={() => {
            met.value = null;
          }}
        />
      )}
      <div aria-live="polite">
        {isNew !== null && !isChanged.value && !isSaved.value && (
          <Notice tone="good" title={m["form.created"]}>
            <p>
              {isNew.keys} {m["form.createdText"]}
            </p>
          </Notice>
        )}
        {isSaved.value && !isChanged.value && (
          <Notice tone="good">
            {m["form.saved"]} {added.value}
          </Notice>
        )}
      </div>
      <FailureNotice failure={failure.value} title={m["form.notSaved"]} />
      <ChannelForm
        draft={draft.value}
        stored={stored}
        problems={fieldProblems(failure.value)}
        onChange={change}
      />
      <div class="form__end">
        <Link page="channels" class="button">
          {m["app.cancel"]}
        </Link>
        <button
          type="submit"
          class="button button--primary"
          aria-disabled={busy.value}
          {...denied()}
        >
          {busy.value ? m["form.saving"] : stored === null ? m["form.create"] : m["form.save"]}
        </button>
      </div>
    </form>
  );
}
