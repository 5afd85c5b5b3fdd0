//! What the holder of a client key sees: its limits, its usage and its requests. Has a frame of its own, since there is
//! nothing else to go to.
import { useSignal } from "@preact/signals";
import { ownAllowance, ownKey, ownRequests, ownUsage } from "../api/client";
import type { OwnRequest, UsageRow } from "../api/ledger";
import type { ClientKey } from "../api/types";
import { FactList } from "../components/fact-list";
import { Icon } from "../components/icons";
import { FailureNotice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { Preferences } from "../components/preferences";
import { Status } from "../components/status";
import { formatCount, formatDay, formatMs, formatSecond, formatTime, formatUsd, t } from "../i18n";
import { Limits } from "../keys/limits";
import { rangeOf } from "../overview/figures";
import { own } from "../people/texts";
import { toneOf } from "../requests/rows";
import { resultOf } from "../requests/table";
import { useResource } from "../resource";
import { logout } from "../session/session";

const EVERY_MS = 30_000;

export function MemberPage() {
  const m = t.value;
  const { data, failure, reload } = useResource(ownKey, EVERY_MS);
  const used = useResource(ownAllowance, EVERY_MS);
  const key = data.value;
  return (
    <main class="page member" id="content" tabIndex={-1}>
      <PageHead title={key?.name ?? own.value["me.title"]}>
        <Preferences />
        <button type="button" class="button button--small" onClick={() => void logout()}>
          <Icon name="logout" />
          {m["nav.logout"]}
        </button>
      </PageHead>
      <FailureNotice failure={failure.value} title={own.value["me.failed"]} onRetry={reload} />
      {key !== null && (
        <section class="card section">
          <FactList of={factsOf(key)} />
          <h2>{m["clients.limits"]}</h2>
          <Limits of={key} allowance={used.data.value} />
        </section>
      )}
      <OwnUsage />
      <OwnRequests />
    </main>
  );
}

function factsOf(key: ClientKey) {
  const m = t.value;
  return [
    [own.value["me.title"], <code key="hint">{key.hint}</code>],
    [
      own.value["me.models"],
      key.models.length === 0 ? m["channels.allModels"] : key.models.join(", "),
    ],
    [
      own.value["me.expires"],
      key.expires_at === null ? m["clients.never"] : formatTime(key.expires_at),
    ],
  ] as const;
}

function OwnUsage() {
  const { data, failure, reload } = useResource(() => {
    const { from, to } = rangeOf("30d", Date.now());
    return ownUsage(from, to);
  }, EVERY_MS);
  const rows = data.value;
  return (
    <section class="card section">
      <h2>{own.value["me.range"]}</h2>
      <FailureNotice failure={failure.value} title={own.value["me.failed"]} onRetry={reload} />
      {rows?.length === 0 && <p class="muted">{own.value["me.noUsage"]}</p>}
      {rows !== null && rows.length > 0 && <UsageTable rows={rows} />}
    </section>
  );
}

/** Latest days first. */
function UsageTable({ rows }: { rows: readonly UsageRow[] }) {
  const m = t.value;
  const heads = ["usage.model", "usage.requests", "usage.tokens", "usage.cost"] as const;
  return (
    <table class="table" role="table" aria-label={own.value["me.range"]}>
      <Heads of={[own.value["me.day"], ...heads.map((head) => m[head])]} numbersFrom={2} />
      <tbody role="rowgroup">
        {rows.toReversed().map((row) => (
          <tr role="row" key={`${row.bucket} ${row.model}`}>
            <th scope="row" role="rowheader">
              {formatDay(Date.parse(row.bucket) / 1000, "day")}
            </th>
            <td role="cell" data-label={m["usage.model"]}>
              <code>{row.model}</code>
            </td>
            <td role="cell" data-label={m["usage.requests"]} class="number">
              {formatCount(row.requests)}
            </td>
            <td role="cell" data-label={m["usage.tokens"]} class="number">
              {formatCount(row.prompt_tokens)} → {formatCount(row.completion_tokens)}
            </td>
            <td role="cell" data-label={m["usage.cost"]} class="number">
              {row.cost_micro_usd === 0 ? "–" : formatUsd(row.cost_micro_usd)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function OwnRequests() {
  const older = useSignal<OwnRequest[]>([]);
  const next = useSignal<string | null>(null);
  const { data, failure, reload } = useResource(() => ownRequests(null));
  const rows = data.value === null ? null : [...data.value.data, ...older.value];
  const cursor = older.value.length === 0 ? (data.value?.next ?? null) : next.value;

  async function more() {
    const result = await ownRequests(cursor);
    failure.value = result.ok ? null : result.failure;
    if (result.ok) {
      older.value = [...older.value, ...result.value.data];
      next.value = result.value.next;
    }
  }

  return (
    <section class="card section">
      <h2>{own.value["me.requests"]}</h2>
      <FailureNotice failure={failure.value} title={own.value["me.failed"]} onRetry={reload} />
      {rows?.length === 0 && <p class="muted">{own.value["me.noRequests"]}</p>}
      {rows !== null && rows.length > 0 && <RequestTable rows={rows} />}
      {cursor !== null && (
        <div class="actions">
          <button type="button" class="button" onClick={() => void more()}>
            {own.value["me.more"]}
          </button>
        </div>
      )}
    </section>
  );
}

function RequestTable({ rows }: { rows: readonly OwnRequest[] }) {
  const m = t.value;
  const heads = [
    "requests.time",
    "usage.model",
    "requests.result",
    "usage.tokens",
    "requests.duration",
  ] as const;
  return (
    <table class="table" role="table" aria-label={own.value["me.requests"]}>
      <Heads of={heads.map((head) => m[head])} numbersFrom={3} />
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr role="row" key={row.id}>
            <th scope="row" role="rowheader">
              <time dateTime={row.time} title={row.id}>
                {formatSecond(row.time)}
              </time>
            </th>
            <td role="cell" data-label={m["usage.model"]}>
              <code>{row.model}</code>
            </td>
            <td role="cell" data-label={m["requests.result"]}>
              <Status tone={toneOf(row)}>{resultOf(row)}</Status>
            </td>
            <td role="cell" data-label={m["usage.tokens"]} class="number">
              {formatCount(row.prompt_tokens)} → {formatCount(row.completion_tokens)}
            </td>
            <td role="cell" data-label={m["requests.duration"]} class="number">
              {formatMs(row.total_ms)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Heads({ of, numbersFrom }: { of: readonly string[]; numbersFrom: number }) {
  return (
    <thead role="rowgroup">
      <tr role="row">
        {of.map((text, index) => (
          <th
            key={text}
            scope="col"
            role="columnheader"
            class={index >= numbersFrom ? "number" : ""}
          >
            {text}
          </th>
        ))}
      </tr>
    </thead>
  );
}
