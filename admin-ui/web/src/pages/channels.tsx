//! The list of channels: what the gateway can forward to, and how it fares, live.
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type ListQuestion, listChannels, status } from "../api/client";
import type { Channel } from "../api/types";
import { Selection } from "../bulk/selection";
import { ArrangeDialog } from "../channels/arrange-dialog";
import { copyOf } from "../channels/draft";
import { ChannelTable } from "../channels/table";
import { template } from "../channels/template";
import { TestAllDialog } from "../channels/test-all-dialog";
import { TestDialog } from "../channels/test-dialog";
import { setClock } from "../clock";
import { Icon } from "../components/icons";
import { lazy } from "../components/lazy";
import { Link } from "../components/link";
import { listQuestion, SearchBox, searchQuestion, TagFilter } from "../components/list-tools";
import { FailureNotice, Notice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { t } from "../i18n";
import { useResource } from "../resource";
import { go } from "../router";
import { denied, may } from "../session/roles";
import { sessionInfo } from "../session/session";
import { gone, isDeleted } from "../undo";

const BulkBar = lazy(async () => (await import("../bulk/bar")).BulkBar);

/** How long after an answer to ask again; countdowns run by themselves. */
const EVERY_MS = 4_000;

/** All channels, since their shares depend on each other, and what the gateway has found and sorted of them; `null`: all,
 * by priority. */
async function load(question: ListQuestion) {
  const isLimited = Object.keys(question).length > 0;
  const [channels, health, found] = await Promise.all([
    listChannels(),
    status(),
    isLimited ? listChannels(question) : null,
  ]);
  if (found !== null && !found.ok) {
    return found;
  }
  if (!channels.ok) {
    return channels;
  }
  if (!health.ok) {
    return health;
  }
  setClock(health.value);
  return {
    ok: true as const,
    value: {
      channels: channels.value,
      found: found === null ? null : found.value.map(({ id }) => id),
      status: health.value.data,
      problems: health.value.problems,
    },
  };
}

export function ChannelsPage() {
  const m = t.value;
  const question = listQuestion();
  const { data, failure, loading, reload } = useResource(
    () => load(question),
    EVERY_MS,
    JSON.stringify(question),
  );
  const tested = useSignal<Channel | null>(null);
  const isArranging = useSignal(false);
  const list = data.value?.channels.filter((channel) => !isDeleted(channel.id)) ?? null;
  const selection = useRef(new Selection()).current;
  // What is not shown any more must not be changed by mistake.
  useEffect(() => selection.clear(), [JSON.stringify(searchQuestion())]);
  useEffect(() => {
    if (gone.value.length > 0) {
      void reload();
    }
  }, [gone.value]);

  return (
    <>
      <ChannelsHead
        list={list}
        isLoading={loading.value}
        reload={reload}
        onArrange={() => {
          isArranging.value = true;
        }}
      />
      <FailureNotice failure={failure.value} title={m["channels.failed"]} onRetry={reload} />
      <KeyStorageNotice hasKeys={list?.some((channel) => channel.keys.length > 0) ?? false} />
      {data.value !== null && data.value.problems.length > 0 && (
        <Notice tone="bad" title={m["channels.problems"]}>
          {data.value.problems.map((problem) => (
            <p key={problem}>{problem}</p>
          ))}
        </Notice>
      )}
      {list === null && failure.value === null && <div class="card skeleton" aria-hidden="true" />}
      {list?.length === 0 && (
        <div class="card state">
          <h2>{m["channels.empty"]}</h2>
          <p>{m["channels.emptyText"]}</p>
          <Link page="channels" item="new" class="button button--primary">
            {m["channels.addFirst"]}
          </Link>
        </div>
      )}
      {list !== null && list.length > 0 && (
        <div class="filters">
          <SearchBox />
          <TagFilter />
        </div>
      )}
      {list !== null && list.length > 0 && data.value?.found?.length === 0 && (
        <div class="card state">
          <h2>{m["list.noMatch"]}</h2>
          <p>{m["list.noMatchText"]}</p>
        </div>
      )}
      {list !== null && list.length > 0 && data.value?.found?.length !== 0 && (
        <ChannelTable
          channels={list}
          found={data.value?.found ?? null}
          isSorted={question["sort"] !== undefined}
          selection={selection}
          status={data.value?.status ?? []}
          onChanged={reload}
          onTest={(channel) => {
            tested.value = channel;
          }}
          onCopy={(channel) => {
            template.value = copyOf(channel, m["channels.copyName"](channel.name));
            go("channels", "new");
          }}
        />
      )}
      {list !== null && selection.size > 0 && (
        <BulkBar
          noun="channels"
          selection={selection}
          {...allOf(selection, list, data.value?.found ?? null)}
          nameOf={(id) => list.find((channel) => channel.id === id)?.name ?? null}
          onChanged={reload}
        />
      )}
      {list !== null && (
        <Dialogs list={list} tested={tested} isArranging={isArranging} reload={reload} />
      )}
    </>
  );
}

interface DialogsProps {
  list: Channel[];
  tested: Signal<Channel | null>;
  isArranging: Signal<boolean>;
  reload: () => Promise<void>;
}

function Dialogs({ list, tested, isArranging, reload }: DialogsProps) {
  return (
    <>
      {isArranging.value && (
        <ArrangeDialog
          channels={list}
          onClose={() => {
            isArranging.value = false;
          }}
          onSaved={() => {
            isArranging.value = false;
            void reload();
          }}
        />
      )}
      {tested.value !== null && (
        <TestDialog
          channel={tested.value}
          onClose={() => {
            tested.value = null;
            void reload();
          }}
        />
      )}
    </>
  );
}

/** How many channels are shown, and how to choose all of them. */
function allOf(selection: Selection, list: readonly Channel[], found: readonly string[] | null) {
  const known = new Set(list.map(({ id }) => id));
  const ids = found === null ? [...known] : found.filter((id) => known.has(id));
  return { total: ids.length, onAll: () => selection.set(ids) };
}

interface ChannelsHeadProps {
  list: Channel[] | null;
  isLoading: boolean;
  reload: () => Promise<void>;
  onArrange: () => void;
}

function ChannelsHead({ list, isLoading, reload, onArrange }: ChannelsHeadProps) {
  const m = t.value;
  return (
    <PageHead
      title={m["channels.title"]}
      intro={list !== null ? m["channels.count"](list.length) : m["channels.loading"]}
    >
      <button
        type="button"
        class="button"
        aria-disabled={isLoading}
        onClick={() => isLoading || reload()}
      >
        <Icon name="reload" />
        {m["channels.reload"]}
      </button>
      {list !== null && list.length > 0 && <TestAll channels={list} onClosed={reload} />}
      {list !== null && list.length > 1 && (
        <button type="button" class="button" {...denied()} onClick={onArrange}>
          <Icon name="arrange" />
          {m["arrange.open"]}
        </button>
      )}
      {may("admin") && (
        <Link page="channels" item="new" class="button button--primary">
          <Icon name="add" />
          {m["channels.add"]}
        </Link>
      )}
    </PageHead>
  );
}

function TestAll({ channels, onClosed }: { channels: Channel[]; onClosed: () => Promise<void> }) {
  const m = t.value;
  const isOpen = useSignal(false);
  return (
    <>
      <button
        type="button"
        class="button"
        {...denied()}
        onClick={() => {
          isOpen.value = true;
        }}
      >
        <Icon name="test" />
        {m["testAll.open"]}
      </button>
      {isOpen.value && (
        <TestAllDialog
          channels={channels}
          title={m["testAll.title"]}
          onClose={() => {
            isOpen.value = false;
            void onClosed();
          }}
        />
      )}
    </>
  );
}

/** Keys in clear are worth a sentence only where there are keys; a wrong master key always is. */
function KeyStorageNotice({ hasKeys }: { hasKeys: boolean }) {
  const info = sessionInfo.value;
  if (info === null) {
    return null;
  }
  if (info.master_key_error !== null) {
    return (
      <Notice tone="bad" title={t.value["keys.masterKeyUnusable"]}>
        <p>{info.master_key_error}</p>
      </Notice>
    );
  }
  if (info.upstream_keys_encrypted || !hasKeys) {
    return null;
  }
  return (
    <Notice tone="info" title={t.value["keys.inClear"]}>
      <p>{t.value["keys.inClearText"]}</p>
    </Notice>
  );
}
