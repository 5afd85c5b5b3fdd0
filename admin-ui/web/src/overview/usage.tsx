//! Usage over time: six charts, who caused it, and the same as a table.
import { Fragment } from "preact";
import type { Grouping, UsageRow } from "../api/ledger";
import { Chart } from "../components/chart";
import { Icon } from "../components/icons";
import { Link } from "../components/link";
import {
  formatBucket,
  formatCompact,
  formatCount,
  formatMs,
  formatPercent,
  formatUsd,
  t,
  word,
} from "../i18n";
import type { Query } from "../router";
import {
  COLOURED,
  errorRate,
  latest,
  lineOf,
  type Member,
  membersOf,
  type Range,
  type Sums,
  seriesOf,
  sumsOf,
} from "./figures";
import { SetPrices } from "./set-prices";

export interface Shown {
  range: Range;
  group: Grouping;
  /** One per bucket; one per bucket and member; one per member. The last two have the rest in one. */
  whole: UsageRow[];
  parts: UsageRow[];
  members: UsageRow[];
}

/** The class that has the colour of a member's series. */
function swatch(index: number): string {
  return index < COLOURED ? `series-${index + 1}` : "series-rest";
}

const total = (row: UsageRow) => row.prompt_tokens + row.completion_tokens;

export function UsageCharts({ shown }: { shown: Shown }) {
  const m = t.value;
  const { range, group, whole, parts } = shown;
  const { times } = range;
  const members = membersOf(parts, group);
  const sums = sumsOf(whole);
  // Reasons are those of errors: nothing else can be grouped by them.
  const bars = (value: (row: UsageRow) => number, isSplit = group !== "reason") => {
    const line = lineOf(whole, times, value);
    return {
      ...frameOf(range),
      kind: "bars" as const,
      values: isSplit ? seriesOf(members, times, value) : [line.map((one) => one ?? 0)],
      swatches: isSplit
        ? members.slice(0, COLOURED + 1).map((_, index) => swatch(index))
        : ["series-rest"],
      figureOf: (whole: string, one: (value: number) => string) => (index: number | null) => (
        <span class="chart__number">{index === null ? whole : one(line[index] ?? 0)}</span>
      ),
    };
  };
  const charts = {
    requests: bars((row) => row.requests),
    errors: bars((row) => row.errors, true),
    tokens: bars(total),
    cost: bars((row) => row.cost_micro_usd),
  };
  return (
    <div class="charts">
      <Chart
        {...charts.requests}
        title={m["usage.requests"]}
        figure={charts.requests.figureOf(formatCount(sums.requests), formatCount)}
        tick={formatCompact}
        isWhole
      />
      <Chart
        {...charts.errors}
        title={m["usage.errors"]}
        figure={charts.errors.figureOf(formatCount(sums.errors), formatCount)}
        note={m["usage.ofRequests"](formatPercent(errorRate(sums)))}
        tick={formatCompact}
        isWhole
      />
      <Chart
        {...charts.tokens}
        title={m["usage.tokens"]}
        figure={charts.tokens.figureOf(formatCompact(sums.prompt + sums.completion), formatCount)}
        note={m["play.tokensInOut"](formatCompact(sums.prompt), formatCompact(sums.completion))}
        tick={formatCompact}
        isWhole
      />
      {sums.costMicroUsd === 0 ? (
        <SetPrices />
      ) : (
        <Chart
          {...charts.cost}
          title={m["usage.cost"]}
          figure={charts.cost.figureOf(formatUsd(sums.costMicroUsd), formatUsd)}
          tick={formatUsd}
        />
      )}
      <Latency title={m["usage.firstByte"]} of={(row) => row.first_byte_ms} shown={shown} />
      <Latency title={m["usage.total"]} of={(row) => row.total_ms} shown={shown} />
    </div>
  );
}

function frameOf({ times, stepS, bucket }: Range) {
  return { times, stepS, bucket };
}

interface LatencyProps {
  title: string;
  of: (row: UsageRow) => UsageRow["total_ms"];
  shown: Shown;
}

/** Half of the requests were faster than the one line, 95 of 100 faster than the other. */
function Latency({ title, of, shown: { range, whole } }: LatencyProps) {
  const lines = (["p50", "p95"] as const).map((name, index) => ({
    name,
    swatch: index === 0 ? "series-1" : "series-3",
    values: lineOf(whole, range.times, (row) => of(row)[name]),
  }));
  const said = (ms: number | null | undefined) => (ms == null ? "–" : formatMs(ms));
  return (
    <Chart
      {...frameOf(range)}
      title={title}
      kind="lines"
      values={lines.map(({ values }) => values)}
      swatches={lines.map(({ swatch: name }) => name)}
      note={t.value["usage.latest"]}
      tick={formatMs}
      figure={(index) =>
        lines.map(({ name, swatch: colour, values }) => (
          <Fragment key={name}>
            <span class={`swatch ${colour}`} aria-hidden="true" />
            <span class="muted">{name}</span>{" "}
            <span class="chart__number">
              {said(index === null ? latest(values) : values[index])}
            </span>
          </Fragment>
        ))
      }
    />
  );
}

const CELLS = {
  requests: ({ requests }: Sums) => formatCount(requests),
  errors: (sums: Sums) =>
    sums.errors === 0 ? "0" : `${formatCount(sums.errors)} (${formatPercent(errorRate(sums))})`,
  tokensIn: ({ prompt }: Sums) => formatCount(prompt),
  tokensOut: ({ completion }: Sums) => formatCount(completion),
  cost: ({ costMicroUsd }: Sums) => formatUsd(costMicroUsd),
};
type Column = keyof typeof CELLS;

/** Of reasons only the errors are counted. */
function columnsOf(group: Grouping, hasCost: boolean): readonly Column[] {
  if (group === "reason") {
    return ["errors"];
  }
  return ["requests", "errors", "tokensIn", "tokensOut", ...(hasCost ? (["cost"] as const) : [])];
}

interface MembersProps {
  shown: Shown;
  /** Filters of the page, for the links to the requests. */
  filters: Query;
}

export function Members({ shown: { members: rows, group, whole }, filters }: MembersProps) {
  const m = t.value;
  const members = membersOf(rows, group);
  const all = sumsOf(whole);
  const columns = columnsOf(group, all.costMicroUsd > 0);
  const label = m[`usage.by.${group}`];
  if (members.length === 0) {
    return <p class="members__none muted">{m["usage.noMembers"]}</p>;
  }
  return (
    <table class="table members" role="table" aria-label={label}>
      <thead role="rowgroup">
        <tr role="row">
          <th scope="col" role="columnheader">
            {m[`usage.${group}`]}
          </th>
          {columns.map((column) => (
            <th key={column} scope="col" role="columnheader" class="number">
              {m[`usage.${column}`]}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {members.map((member, index) => (
          <tr role="row" key={member.isRest ? "rest" : `=${member.id ?? ""}`}>
            <th scope="row" role="rowheader">
              <span class="members__name">
                <span
                  class={`swatch ${swatch(member.isRest ? COLOURED : index)}`}
                  aria-hidden="true"
                />
                <MemberName member={member} group={group} filters={filters} />
              </span>
            </th>
            {columns.map((column) => (
              <td key={column} role="cell" data-label={m[`usage.${column}`]} class="number">
                {group === "reason" ? formatCount(member.sums.errors) : CELLS[column](member.sums)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function MemberName({
  member: { id, name, isRest },
  group,
  filters,
}: {
  member: Member;
  group: Grouping;
  filters: Query;
}) {
  if (isRest) {
    return <span class="muted">{t.value["usage.rest"]}</span>;
  }
  if (id === null) {
    return <span class="muted">{t.value[`usage.none.${group}`]}</span>;
  }
  return (
    <Link page="requests" query={{ ...filters, [group]: id }} class="table__link">
      {group === "reason" ? word(group, id) : name}
    </Link>
  );
}

/** The charts' numbers for users who cannot see charts. */
export function UsageTable({ shown: { range, whole } }: { shown: Shown }) {
  const m = t.value;
  const columns = ["requests", "errors", "tokensIn", "tokensOut", "cost"] as const;
  const said = ({ p50, p95, p99 }: UsageRow["total_ms"]) =>
    [p50, p95, p99].map((ms) => (ms === null ? "–" : formatMs(ms))).join(" / ");
  return (
    <details class="card advanced">
      <summary>
        <Icon name="down" />
        {m["usage.asTable"]}
      </summary>
      <table class="table" role="table" aria-label={m["usage.asTable"]}>
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader">
              {range.bucket === "day" ? m["usage.day"] : m["usage.hour"]}
            </th>
            {columns.map((column) => (
              <th key={column} scope="col" role="columnheader" class="number">
                {m[`usage.${column}`]}
              </th>
            ))}
            {(["firstByte", "total"] as const).map((column) => (
              <th key={column} scope="col" role="columnheader" class="number">
                {m[`usage.${column}`]} p50 / p95 / p99
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {whole.map((row) => (
            <tr role="row" key={row.bucket}>
              <th scope="row" role="rowheader">
                {formatBucket(Date.parse(row.bucket) / 1000, range.bucket)}
              </th>
              {[row.requests, row.errors, row.prompt_tokens, row.completion_tokens].map(
                (value, index) => (
                  <td
                    key={columns[index]}
                    role="cell"
                    class="number"
                    data-label={m[`usage.${columns[index] ?? "requests"}`]}
                  >
                    {formatCount(value)}
                  </td>
                ),
              )}
              <td role="cell" class="number" data-label={m["usage.cost"]}>
                {formatUsd(row.cost_micro_usd)}
              </td>
              <td role="cell" class="number" data-label={m["usage.firstByte"]}>
                {said(row.first_byte_ms)}
              </td>
              <td role="cell" class="number" data-label={m["usage.total"]}>
                {said(row.total_ms)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
