//! One request: where its time went, and everything that the log knows of it.

import { Fragment } from "preact";
import type { Attempt, RequestRow } from "../api/ledger";
import type { Channel } from "../api/types";
import { CopyButton } from "../components/copy";
import { FactList } from "../components/fact-list";
import { Link } from "../components/link";
import { Status } from "../components/status";
import { formatCount, formatMs, formatUsd, t, word } from "../i18n";
import { linkTo } from "./address";
import { type Span, spansOf } from "./rows";
import { Why } from "./why";

interface DetailProps {
  of: RequestRow;
  channels: readonly Channel[];
}

/** `isPage`: it is under its own address already. */
export function Detail({ of, channels, isPage = false }: DetailProps & { isPage?: boolean }) {
  return (
    <div class={isPage ? "detail detail--page" : "detail"}>
      <Why of={of} />
      <Waterfall of={of} channels={channels} />
      <Facts of={of} channels={channels} isPage={isPage} />
    </div>
  );
}

function outcomeText({ outcome, status }: Attempt): string {
  const said = word("outcome", outcome);
  return status === null ? said : `${status} · ${said}`;
}

/** What people know an upstream key by; its id when it is gone, nothing when there was none. */
function keyHint(channels: readonly Channel[], id: string | null): string | null {
  const keys = channels.flatMap((channel) => channel.keys);
  return id === null || id === "" ? null : (keys.find((key) => key.id === id)?.hint ?? id);
}

function Waterfall({ of, channels }: DetailProps) {
  const m = t.value;
  if (of.attempts.length === 0) {
    return <p class="muted">{m["requests.noAttempt"]}</p>;
  }
  const spans = spansOf(of);
  // What the only attempt says is what is said of the request.
  const isSaidAbove = of.attempts.length === 1 && of.attempts[0]?.detail === of.detail;
  return (
    <table class="waterfall" aria-label={m["requests.attempts"]}>
      <thead class="visually-hidden">
        <tr>
          <th scope="col">{m["routing.channel"]}</th>
          <th scope="col">{m["requests.outcome"]}</th>
          <th scope="col">{m["requests.duration"]}</th>
        </tr>
      </thead>
      <tbody>
        {of.attempts.map((attempt, index) => (
          // Only its position distinguishes one attempt from another.
          <Fragment key={`${index} ${attempt.channel}`}>
            <tr>
              <th scope="row">
                {attempt.channel_name} <code class="muted">{keyHint(channels, attempt.key)}</code>
              </th>
              <td>
                <Status tone={toneOf(attempt)}>{outcomeText(attempt)}</Status>
              </td>
              <td class="waterfall__time">
                <span class="waterfall__bar" aria-hidden="true">
                  {spans
                    .filter((span) => span.index === index)
                    .map((span) => (
                      <Bar key={span.kind} span={span} tone={toneOf(attempt)} />
                    ))}
                </span>
                <span class="waterfall__ms">{formatMs(attempt.ms)}</span>
              </td>
            </tr>
            {attempt.detail !== null && !isSaidAbove && (
              <tr>
                <td colSpan={3} class="waterfall__said">
                  <q>{attempt.detail}</q>
                </td>
              </tr>
            )}
          </Fragment>
        ))}
      </tbody>
    </table>
  );
}

function toneOf({ outcome }: Attempt) {
  switch (outcome) {
    case "answered":
      return "good";
    case "abandoned":
      return "off";
    case "throttled":
    case "model_unknown":
    case "request_refused":
      return "alert";
    default:
      return "bad";
  }
}

function Bar({ span, tone }: { span: Span; tone: string }) {
  return (
    <span
      class={`waterfall__span waterfall__span--${span.kind} waterfall__span--${tone}`}
      style={{ left: `${span.start * 100}%`, width: `max(2px, ${span.length * 100}%)` }}
    />
  );
}

function Facts({ of, channels, isPage }: DetailProps & { isPage: boolean }) {
  const m = t.value;
  const facts: [string, string | null][] = [
    [m["requests.reason"], of.reason === null ? null : word("reason", of.reason)],
    [m["requests.endpoint"], of.endpoint],
    [m["requests.kind"], of.stream ? m["requests.streamed"] : m["requests.whole"]],
    [m["routing.upstreamModel"], of.upstream_model],
    [m["requests.upstreamKey"], keyHint(channels, of.upstream_key)],
    [m["usage.firstByte"], of.first_byte_ms === null ? null : formatMs(of.first_byte_ms)],
    [m["requests.duration"], formatMs(of.total_ms)],
    [m["usage.tokensIn"], formatCount(of.prompt_tokens)],
    [m["requests.cached"], of.cached_tokens === 0 ? null : formatCount(of.cached_tokens)],
    [
      m["requests.cacheWrite"],
      of.cache_write_tokens === 0 ? null : formatCount(of.cache_write_tokens),
    ],
    [m["usage.tokensOut"], formatCount(of.completion_tokens)],
    [m["requests.reasoning"], of.reasoning_tokens === 0 ? null : formatCount(of.reasoning_tokens)],
    [m["requests.serviceTier"], of.service_tier],
    [m["requests.counted"], of.estimated ? m["requests.byGateway"] : m["requests.byUpstream"]],
    [m["usage.cost"], of.cost_micro_usd === 0 ? null : formatUsd(of.cost_micro_usd)],
  ];
  return (
    <div class="detail__facts">
      <FactList of={facts} kind="facts--grid" />
      <div class="actions">
        <code class="detail__id">{of.id}</code>
        <CopyButton text={of.id} label={m["requests.copyId"]} />
        <CopyButton text={linkTo(of.id)} label={m["request.copyLink"]} />
        {!isPage && (
          <Link page="requests" item={of.id} class="button button--small">
            {m["request.open"]}
          </Link>
        )}
        <Link page="requests" query={{ key: of.key }} class="button button--small">
          {m["requests.ofKey"]}
        </Link>
        {of.channel !== null && (
          <Link page="requests" query={{ channel: of.channel }} class="button button--small">
            {m["requests.ofChannel"]}
          </Link>
        )}
      </div>
    </div>
  );
}
