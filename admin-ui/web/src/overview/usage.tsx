//! Usage over time: six charts, and the same as a table.
import { Fragment } from "preact";
import type { Grouping, UsageRow } from "../api/ledger";
import { Chart } from "../components/chart";
import { Icon } from "../components/icons";
import {
  formatBucket,
  formatCompact,
  formatCount,
  formatMs,
  formatPercent,
  formatUsd,
  t,
} from "../i18n";
import { Change } from "./change";
import {
  COLOURED,
  errorRate,
  latest,
  lineOf,
  MEASURES,
  membersOf,
  type Order,
  type Range,
  seriesOf,
  sumsOf,
  swatch,
} from "./figures";
import { SetPrices } from "./set-prices";

export interface Shown {
  range: Range;
  group: Grouping;
  /** One per bucket; one per bucket and member; one per member. The last two have the rest in one. */
  whole: UsageRow[];
  parts: UsageRow[];
  members: UsageRow[];
  /** How the members are sorted. */
  order: Order;
  /** One per bucket of the period before, at the times of this one; `null`: nothing is compared. */
  former: UsageRow[] | null;
}

const tokens = (row: UsageRow) => row.prompt_tokens + row.completion_tokens;

type Line = readonly (number | null)[];

const filled = (line: Line) => line.map((value) => value ?? 0);
const total = (line: Line) => filled(line).reduce((sum, value) => sum + value, 0);

export function UsageCharts({ shown }: { shown: Shown }) {
  const m = t.value;
  const { range, group, whole, parts, order, former } = shown;
  const { times } = range;
  const members = membersOf(parts, group, MEASURES[order.sort]);
  const sums = sumsOf(whole);
  // Reasons are those of errors: nothing else can be grouped by them.
  const bars = (value: (row: UsageRow) => number, isSplit = group !== "reason") => {
    const line = lineOf(whole, times, value);
    const before = former === null ? null : filled(lineOf(former, times, value));
    return {
      ...frameOf(range),
      kind: "bars" as const,
      values: isSplit ? seriesOf(members, times, value) : [filled(line)],
      swatches: isSplit
        ? members.slice(0, COLOURED + 1).map((_, index) => swatch(index))
        : ["series-rest"],
      ...(before === null ? {} : { former: [{ values: before, swatch: "chart__former" }] }),
      figureOf: (whole: string, one: (value: number) => string) => (index: number | null) => (
        <>
          <span class="chart__number">{index === null ? whole : one(line[index] ?? 0)}</span>
          {before !== null && (
            <Change
              now={index === null ? total(line) : (line[index] ?? 0)}
              before={index === null ? total(before) : (before[index] ?? 0)}
              write={one}
            />
          )}
        </>
      ),
    };
  };
  const charts = {
    requests: bars((row) => row.requests),
    errors: bars((row) => row.errors, true),
    tokens: bars(tokens),
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
function Latency({ title, of, shown: { range, whole, former } }: LatencyProps) {
  const linesOf = (rows: readonly UsageRow[]) =>
    (["p50", "p95"] as const).map((name, index) => ({
      name,
      swatch: index === 0 ? "series-1" : "series-3",
      values: lineOf(rows, range.times, (row) => of(row)[name]),
    }));
  const lines = linesOf(whole);
  const said = (ms: number | null | undefined) => (ms == null ? "–" : formatMs(ms));
  return (
    <Chart
      {...frameOf(range)}
      title={title}
      kind="lines"
      values={lines.map(({ values }) => values)}
      swatches={lines.map(({ swatch }) => swatch)}
      {...(former === null ? {} : { former: linesOf(former) })}
      note={t.value["usage.latest"]}
      tick={formatMs}
      isWhole
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

const valuesOf = (row: UsageRow) => [
  row.requests,
  row.errors,
  row.prompt_tokens,
  row.completion_tokens,
  row.cost_micro_usd,
];

/** The charts' numbers for users who cannot see charts. */
export function UsageTable({ shown: { range, whole, former } }: { shown: Shown }) {
  const m = t.value;
  const columns = ["requests", "errors", "tokensIn", "tokensOut", "cost"] as const;
  const rowsBefore = new Map(former?.map((row) => [Date.parse(row.bucket), row]));
  /** The figures of a bucket, each with that of the period before behind it. */
  const figures = (row: UsageRow) => {
    const values = valuesOf(row);
    const before = rowsBefore.get(Date.parse(row.bucket));
    const valuesBefore = before === undefined ? values.map(() => 0) : valuesOf(before);
    return columns.map((column, index) => {
      const write = column === "cost" ? formatUsd : formatCount;
      const value = write(values[index] ?? 0);
      return former === null ? value : `${value} (${write(valuesBefore[index] ?? 0)})`;
    });
  };
  const said = ({ p50, p95, p99 }: UsageRow["total_ms"]) =>
    [p50, p95, p99].map((ms) => (ms === null ? "–" : formatMs(ms))).join(" / ");
  return (
    <details class="card advanced">
      <summary>
        <Icon name="down" />
        {m["usage.asTable"]}
        {former !== null && <span class="muted">{m["compare.inBrackets"]}</span>}
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
              {figures(row).map((text, index) => (
                <td
                  key={columns[index]}
                  role="cell"
                  class="number"
                  data-label={m[`usage.${columns[index] ?? "requests"}`]}
                >
                  {text}
                </td>
              ))}
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
