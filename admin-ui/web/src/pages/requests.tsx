//! The log of requests: newest first, filtered, with older pages on demand. What was said in a request
//! is nowhere in it.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { listChannels, listKeys, requests, tableAddress } from "../api/client";
import type { Failure, Result } from "../api/failure";
import type { RequestPage } from "../api/ledger";
import type { Channel, ClientKey } from "../api/types";
import { ExportLink } from "../components/export-link";
import { FailureNotice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { formatCount, t } from "../i18n";
import { FilterBar } from "../requests/filter-bar";
import { questionOf, setOf } from "../requests/filters";
import { FindRequest } from "../requests/find";
import { extended, type Log, refreshed } from "../requests/rows";
import { LogTable } from "../requests/table";
import { useResource } from "../resource";
import { query } from "../router";

const EVERY_MS = 5_000;
/** Another order than by time costs the gateway a look at every row. */
const SORTED_EVERY_MS = 30_000;
/** As the API has them unless another number is requested. */
const PAGE_ROWS = 50;

interface Names {
  channels: Channel[];
  keys: ClientKey[];
}

/** More keys are no list to choose from; the search knows them all. */
const KEYS_OFFERED = "200";

/** For the filters; the log itself carries the names that its rows had. */
async function loadNames(): Promise<Result<Names>> {
  const [channels, keys] = await Promise.all([
    listChannels(),
    listKeys({ sort: "name", limit: KEYS_OFFERED }),
  ]);
  if (!channels.ok) {
    return channels;
  }
  return keys.ok ? { ok: true, value: { channels: channels.value, keys: keys.value } } : keys;
}

export function RequestsPage() {
  const m = t.value;
  const names = useResource(loadNames);
  const channels = names.data.value?.channels ?? [];
  return (
    <>
      <PageHead title={m["nav.requests"]} intro={m["requests.intro"]}>
        <FindRequest />
        <ExportLink
          // The filters alone: a spreadsheet sorts by itself.
          address={() => tableAddress("requests", questionOf(setOf(query.value), Date.now()))}
          text={m["export.csv"]}
          hint={m["export.requestsHint"]}
          isLarge
        />
      </PageHead>
      <FilterBar channels={channels} keys={names.data.value?.keys ?? []} />
      <FilteredLog
        // Another question is another log: nothing of the old one may stay.
        key={JSON.stringify([setOf(query.value), query.value["sort"], query.value["order"]])}
        channels={channels}
      />
    </>
  );
}

/** Calls back while the element is near the view. */
function onSight(call: () => void) {
  return (element: HTMLElement | null) => {
    if (element === null) {
      return;
    }
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) {
          observer.disconnect();
          call();
        }
      },
      { rootMargin: "600px" },
    );
    observer.observe(element);
    return () => observer.disconnect();
  };
}

function FilteredLog({ channels }: Pick<Names, "channels">) {
  const m = t.value;
  const question = () => questionOf(query.value, Date.now());
  const log = useSignal<Log | null>(null);
  const older = useSignal<{ busy: boolean; failure: Failure | null }>({
    busy: false,
    failure: null,
  });
  const isSorted = query.value["sort"] !== undefined;
  const first = useResource<RequestPage>(
    () => requests(question()),
    isSorted ? SORTED_EVERY_MS : EVERY_MS,
  );
  const page = first.data.value;
  useEffect(() => {
    if (page !== null) {
      log.value = refreshed(log.value, page);
    }
  }, [page]);

  async function loadOlder(shown: Log) {
    const last = shown.rows.at(-1);
    if (last === undefined || older.value.busy) {
      return;
    }
    older.value = { busy: true, failure: null };
    const result = await requests({ ...question(), before: last.id });
    older.value = { busy: false, failure: result.ok ? null : result.failure };
    if (result.ok && log.value !== null) {
      log.value = extended(log.value, result.value);
    }
  }

  const shown = log.value;
  // After the first page that was asked for, older ones come by scrolling.
  const isLong = shown !== null && shown.rows.length > PAGE_ROWS;
  const isFiltered = Object.keys(setOf(query.value)).length > 0;
  return (
    <>
      <FailureNotice
        failure={first.failure.value}
        title={m["requests.failed"]}
        onRetry={first.reload}
      />
      {shown === null && first.failure.value === null && (
        <div class="card skeleton" aria-hidden="true" />
      )}
      {shown !== null && shown.rows.length === 0 && (
        <div class="card state">
          <h2>{isFiltered ? m["requests.noMatch"] : m["requests.empty"]}</h2>
          <p>{isFiltered ? m["requests.noMatchText"] : m["requests.emptyText"]}</p>
        </div>
      )}
      {shown !== null && shown.rows.length > 0 && (
        <>
          <LogTable rows={shown.rows} channels={channels} isSortable />
          <FailureNotice failure={older.value.failure} title={m["requests.olderFailed"]} />
          <div class="log__end">
            <span class="muted" role="status">
              {m["requests.shown"](formatCount(shown.rows.length))}
            </span>
            {shown.hasMore && (
              <button
                type="button"
                class="button"
                ref={isLong ? onSight(() => void loadOlder(shown)) : null}
                aria-disabled={older.value.busy}
                onClick={() => loadOlder(shown)}
              >
                {older.value.busy ? m["requests.loadingOlder"] : m["requests.older"]}
              </button>
            )}
          </div>
        </>
      )}
    </>
  );
}
