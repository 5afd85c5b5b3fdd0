//! The overview's usage: which time, group and filters, compared or not, with its charts and tables and their exports.
import { showKey, tableAddress } from "../api/client";
import { GROUPS, LIMITING } from "../api/ledger";
import type { ClientKey } from "../api/types";
import { ExportLink } from "../components/export-link";
import { Switch } from "../components/fields";
import { LimitedTo } from "../components/filters";
import { FailureNotice } from "../components/notice";
import { Segments } from "../components/segments";
import { t } from "../i18n";
import { useResource } from "../resource";
import { ask, type Query, query } from "../router";
import { orderOf, RANGES } from "./figures";
import { exportQuestion, loadUsage } from "./load-usage";
import { Members } from "./members";
import { UsageCharts, UsageTable } from "./usage";

const EVERY_MS = 60_000;

/** The filters of this page that the API knows under the same names. */
function filtersOf(asked: Query): Query {
  return Object.fromEntries(LIMITING.flatMap((name) => (asked[name] ? [[name, asked[name]]] : [])));
}

export function UsageSection() {
  const m = t.value;
  const asked = query.value;
  const rangeName = RANGES.find((name) => name === asked["range"]) ?? "24h";
  const filters = filtersOf(asked);
  // Reasons are counted for all models and channels together, of one key at most.
  const isPart = filters["model"] || filters["channel"] || filters["tag"];
  const groups = isPart ? GROUPS.filter((name) => name !== "reason") : GROUPS;
  const group = groups.find((name) => name === asked["group"]) ?? "model";
  const order = orderOf(asked);
  const isCompared = asked["compare"] === "previous";
  const { data, failure, loading, reload } = useResource(
    () => loadUsage(rangeName, group, filters, { order, isCompared }),
    EVERY_MS,
    JSON.stringify([rangeName, group, filters, order, isCompared]),
  );
  const exported = (bucket?: "total") => () =>
    tableAddress("usage", exportQuestion({ range: rangeName, group, filters, order }, bucket));
  const shown = data.value;
  const isEmpty = shown?.whole.every(({ requests }) => requests === 0) ?? false;
  return (
    <section class="stack" aria-label={m["usage.title"]} aria-busy={loading.value}>
      <div class="usage__head">
        <h2>{m["usage.title"]}</h2>
        <Filters filters={filters} />
        <div class="actions">
          <Segments
            label={m["usage.group"]}
            value={group}
            options={groups.map((name) => [name, m[`usage.by.${name}`]] as const)}
            onChange={(value) => ask({ group: value === "model" ? "" : value })}
          />
          <Segments
            label={m["usage.range"]}
            value={rangeName}
            options={RANGES.map((name) => [name, m[`range.${name}`]] as const)}
            onChange={(value) => ask({ range: value === "24h" ? "" : value })}
          />
          <ExportLink
            address={exported()}
            text={m["export.csv"]}
            hint={m[rangeName === "30d" ? "export.dayHint" : "export.hourHint"]}
          />
        </div>
        <Switch
          label={m["compare.with"]}
          checked={isCompared}
          onChange={(value) => ask({ compare: value ? "previous" : "" })}
        />
      </div>
      <FailureNotice failure={failure.value} title={m["usage.failed"]} onRetry={reload} />
      {shown === null && failure.value === null && <div class="card skeleton" aria-hidden="true" />}
      {isEmpty && (
        <div class="card state">
          <h3>{m["usage.empty"]}</h3>
          <p>{m["usage.emptyText"]}</p>
        </div>
      )}
      {shown !== null && !isEmpty && (
        <>
          <UsageCharts shown={shown} />
          <div class="card">
            <Members shown={shown} filters={filters} />
            <div class="members__end">
              <ExportLink
                address={exported("total")}
                text={m["export.totals"]}
                hint={m["export.totalsHint"]}
              />
            </div>
          </div>
          <UsageTable shown={shown} />
        </>
      )}
    </section>
  );
}

/** What the figures are limited to, with the way back. */
function Filters({ filters }: { filters: Query }) {
  const m = t.value;
  const id = filters["key"];
  const named = useResource<ClientKey | null>(
    async () => (id === undefined ? { ok: true, value: null } : showKey(id)),
    undefined,
    id ?? "",
  );
  const key = named.data.value;
  return (
    <>
      {LIMITING.map((name) => (
        <LimitedTo
          key={name}
          name={name}
          label={m[`usage.${name}`]}
          text={name === "key" && key?.id === id ? key?.name : undefined}
        />
      ))}
    </>
  );
}
