//! The log as a table; a row opens to show where its time went.
import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { RequestRow } from "../api/ledger";
import type { Channel } from "../api/types";
import { Icon } from "../components/icons";
import { SortHead } from "../components/list-tools";
import { Status } from "../components/status";
import { VirtualRows } from "../components/virtual-rows";
import { formatCount, formatMs, formatSecond, formatUsd, t, word } from "../i18n";
import { Detail } from "./detail";
import { toneOf } from "./rows";

interface LogTableProps {
  rows: readonly RequestRow[];
  channels: readonly Channel[];
  /** Whether the reader can sort it. */
  isSortable?: boolean;
}

export function LogTable({ rows, channels, isSortable = false }: LogTableProps) {
  const m = t.value;
  const hasCost = rows.some((row) => row.cost_micro_usd > 0);
  /** Text, whether it is a number, and what the gateway calls it where it can sort by it. */
  const columns: readonly (readonly [text: string, isNumber?: boolean, sort?: string])[] = [
    [m["requests.time"], false, "time"],
    [m["usage.model"]],
    [m["usage.key"]],
    [m["routing.channel"]],
    [m["requests.result"]],
    [m["usage.tokens"], true, "tokens"],
    ...(hasCost ? [[m["usage.cost"], true, "cost"] as const] : []),
    [m["requests.duration"], true, "total_ms"],
  ];
  return (
    <div class="card">
      <table class="table log" role="table" aria-label={m["nav.requests"]}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(([text, isNumber = false, sort]) =>
              isSortable && sort !== undefined ? (
                <SortHead
                  key={text}
                  name={sort}
                  text={text}
                  first={sort === "time" ? "asc" : "desc"}
                  isNumber={isNumber}
                />
              ) : (
                <th key={text} scope="col" role="columnheader" class={isNumber ? "number" : ""}>
                  {text}
                </th>
              ),
            )}
          </tr>
        </thead>
        <VirtualRows rows={rows} idOf={({ id }) => id} columns={columns.length} estimate={45}>
          {(row) => (
            <LogRow of={row} channels={channels} hasCost={hasCost} columns={columns.length} />
          )}
        </VirtualRows>
      </table>
    </div>
  );
}

interface LogRowProps {
  of: RequestRow;
  channels: readonly Channel[];
  hasCost: boolean;
  columns: number;
}

function LogRow({ of, channels, hasCost, columns }: LogRowProps) {
  const m = t.value;
  const isOpen = useSignal(false);
  const id = useId();
  const more = of.attempts.length - 1;
  return (
    <>
      <tr
        role="row"
        class="log__row"
        data-row={of.id}
        data-open={isOpen.value}
        // The whole row is a large target for the pointer; the button in it is the control.
        onClick={(event) => {
          const isControl = (event.target as Element).closest("button, a") !== null;
          if (!isControl && getSelection()?.isCollapsed !== false) {
            isOpen.value = !isOpen.value;
          }
        }}
      >
        <th scope="row" role="rowheader">
          <button
            type="button"
            class="log__open"
            aria-expanded={isOpen.value}
            aria-controls={id}
            onClick={() => {
              isOpen.value = !isOpen.value;
            }}
          >
            <Icon name="down" />
            <time dateTime={of.time}>{formatSecond(of.time)}</time>
            <span class="visually-hidden"> {m["requests.open"]}</span>
          </button>
        </th>
        <td
          role="cell"
          data-label={m["usage.model"]}
          class="log__long log__long--model"
          title={of.model}
        >
          <code>{of.model}</code>
        </td>
        <td role="cell" data-label={m["usage.key"]} class="log__long" title={of.key_name}>
          {of.key_name}
        </td>
        <td
          role="cell"
          data-label={m["routing.channel"]}
          class="log__long"
          title={of.channel_name ?? undefined}
        >
          {of.channel_name ?? "–"}
        </td>
        <td role="cell" data-label={m["requests.result"]}>
          <span class="log__result">
            <Status tone={toneOf(of)}>{resultOf(of)}</Status>
            {more > 0 && (
              <span class="tag log__tries" title={m["requests.tries"](more + 1)}>
                <span aria-hidden="true">×{more + 1}</span>
                <span class="visually-hidden">{m["requests.tries"](more + 1)}</span>
              </span>
            )}
          </span>
        </td>
        <td role="cell" data-label={m["usage.tokens"]} class="number">
          <span title={of.estimated ? m["requests.estimated"] : undefined}>{tokensOf(of)}</span>
        </td>
        {hasCost && (
          <td role="cell" data-label={m["usage.cost"]} class="number">
            {of.cost_micro_usd === 0 ? "–" : formatUsd(of.cost_micro_usd)}
          </td>
        )}
        <td role="cell" data-label={m["requests.duration"]} class="number">
          {formatMs(of.total_ms)}
        </td>
      </tr>
      <tr role="row" id={id} class="log__detail" hidden={!isOpen.value}>
        <td role="cell" colSpan={columns}>
          {isOpen.value && <Detail of={of} channels={channels} />}
        </td>
      </tr>
    </>
  );
}

/** The status, and how or why it ended. */
export function resultOf({
  status,
  reason,
  end,
}: Pick<RequestRow, "status" | "reason" | "end">): string {
  return `${status} ${reason === null ? word("end", end) : word("reason", reason)}`;
}

/** In and out; with a mark when they are estimated. */
function tokensOf({ prompt_tokens: prompt, completion_tokens: completion, estimated }: RequestRow) {
  if (prompt === 0 && completion === 0) {
    return "–";
  }
  const said = `${formatCount(prompt)} → ${formatCount(completion)}`;
  return estimated ? `≈ ${said}` : said;
}
