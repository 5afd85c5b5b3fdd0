//! One channel, new or stored: the form, testing it, deleting it. What is typed stays until the
//! gateway has taken it.
import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { changeChannel, createChannel, listChannels } from "../api/client";
import { type Failure, fieldProblems } from "../api/failure";
import type { Channel } from "../api/types";
import { bodyOf, type Draft, draftOf, emptyDraft } from "../channels/draft";
import { ChannelForm } from "../channels/form";
import { TestDialog } from "../channels/test-dialog";
import { Icon } from "../components/icons";
import { Link } from "../components/link";
import { FailureNotice, Notice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { t } from "../i18n";
import { go, guardLeaving } from "../router";
import { deleteLater, isDeleted } from "../undo";

/** What the next new channel starts from: a copy of another. */
export const template = signal<Draft | null>(null);

/** The channel that was just created, to say so on its page. */
const created = signal<string | null>(null);

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
  const isNew = useRef(created.value === id).current;

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
              onClick={() => {
                isTesting.value = true;
              }}
            >
              <Icon name="test" />
              {m["channels.test"]}
            </button>
            <button
              type="button"
              class="button"
              onClick={() => {
                guardLeaving(null);
                deleteLater(stored.id, stored.name);
                go("channels");
              }}
            >
              <Icon name="remove" />
              {m["channels.delete"]}
            </button>
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
  isNew?: boolean;
  onSaved: (channel: Channel) => void;
}

function Editor({ start, stored, isNew = false, onSaved }: EditorProps) {
  const m = t.value;
  const draft = useSignal(start);
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const isSaved = useSignal(false);
  const isChanged = useSignal(false);
  const form = useRef<HTMLFormElement>(null);

  useEffect(() => () => guardLeaving(null), []);

  function change(part: Partial<Draft>) {
    draft.value = { ...draft.value, ...part };
    isChanged.value = true;
    guardLeaving(() => confirm(t.value["form.leave"]));
  }

  async function save(event: Event) {
    event.preventDefault();
    if (busy.value) {
      return;
    }
    busy.value = true;
    failure.value = null;
    const body = bodyOf(draft.value);
    const result = await (stored === null ? createChannel(body) : changeChannel(stored.id, body));
    busy.value = false;
    if (!result.ok) {
      failure.value = result.failure;
      // After the drawing that marks them, to the first field that is wrong.
      setTimeout(() => {
        const wrong = form.current?.querySelector<HTMLElement>(
          "[aria-invalid=true], [data-invalid=true] input",
        );
        wrong?.focus();
      });
      return;
    }
    guardLeaving(null);
    if (stored === null) {
      created.value = result.value.id;
      go("channels", result.value.id);
    } else {
      // As the gateway has it now: new keys have become hints.
      draft.value = draftOf(result.value);
      isChanged.value = false;
      isSaved.value = true;
      onSaved(result.value);
    }
  }

  return (
    <form class="form" ref={form} onSubmit={save} noValidate>
      <div aria-live="polite">
        {isNew && !isChanged.value && !isSaved.value && (
          <Notice tone="good" title={m["form.created"]}>
            <p>{m["form.createdText"]}</p>
          </Notice>
        )}
        {isSaved.value && !isChanged.value && <Notice tone="good">{m["form.saved"]}</Notice>}
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
        <button type="submit" class="button button--primary" aria-disabled={busy.value}>
          {busy.value ? m["form.saving"] : stored === null ? m["form.create"] : m["form.save"]}
        </button>
      </div>
    </form>
  );
}
