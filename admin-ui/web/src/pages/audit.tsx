//! The audit log: who changed what, when and from where; newest first, filtered, older entries by scrolling.
import { useSignal } from "@preact/signals";
import { audit, auditFile } from "../api/client";
import { questionOf, setOf } from "../audit/entries";
import { FilterBar } from "../audit/filter-bar";
import { AuditTable } from "../audit/table";
import { texts } from "../audit/texts";
import { Icon } from "../components/icons";
import { FailureNotice, Notice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { formatCount, t } from "../i18n";
import { usePages } from "../pages-of";
import { query } from "../router";

const EVERY_MS = 15_000;
const PAGE_ROWS = "100";
/** A file has no more. */
const MOST_EXPORTED = 10_000;

export function AuditPage() {
  const a = texts.value;
  const set = setOf(query.value);
  const question = () => questionOf(set, Date.now());
  const lost = useSignal(0);
  const { rows, total, failure, reload, onRange } = usePages(
    async (cursor) => {
      const more = cursor === null ? {} : { cursor };
      const result = await audit({ ...question(), limit: PAGE_ROWS, ...more });
      if (result.ok) {
        lost.value = result.value.lost;
      }
      return result;
    },
    EVERY_MS,
    JSON.stringify(set),
  );
  const list = rows.value;
  const isFiltered = Object.keys(set).length > 0;
  const count = total.value;
  return (
    <>
      <PageHead
        title={t.value["nav.audit"]}
        intro={count === null ? a.introEmpty : a.intro(formatCount(count))}
      >
        <a
          class="button"
          href={auditFile(question())}
          download
          title={count !== null && count > MOST_EXPORTED ? a.exportCut : undefined}
        >
          <Icon name="download" />
          {a.export}
        </a>
      </PageHead>
      <FailureNotice failure={failure.value} title={a.failed} onRetry={reload} />
      {lost.value > 0 && (
        <Notice tone="bad" title={a.lost(formatCount(lost.value))}>
          <p>{a.lostText}</p>
        </Notice>
      )}
      <FilterBar />
      {list === null && failure.value === null && <div class="card skeleton" aria-hidden="true" />}
      {list?.length === 0 && (
        <div class="card state">
          <h2>{isFiltered ? a.noMatch : a.empty}</h2>
          <p>{isFiltered ? a.noMatchText : a.emptyText}</p>
        </div>
      )}
      {list !== null && list.length > 0 && <AuditTable rows={list} onRange={onRange} />}
    </>
  );
}
