//! How everything fares right now: what needs attention, and every channel in one line.
import type { ComponentChildren } from "preact";
import type { Channel, ChannelStatus } from "../api/types";
import { healthOf, type Trouble } from "../channels/health";
import { Until } from "../channels/until";
import { stateText, troubleText, Verdict } from "../channels/verdict";
import { Link } from "../components/link";
import { Status } from "../components/status";
import { formatCount, formatPercent, formatTime, formatUsd, t } from "../i18n";
import { may } from "../session/roles";
import { type Concern, toneOf } from "./attention";

export function Attention({ concerns }: { concerns: readonly Concern[] }) {
  const m = t.value;
  return (
    <section class="card" aria-label={m["overview.attention"]}>
      <h2 class="card__title">{m["overview.attention"]}</h2>
      {concerns.length === 0 ? (
        <p class="concerns__none">
          <Status tone="good">{m["overview.allWell"]}</Status>
        </p>
      ) : (
        <ul class="concerns">
          {concerns.map((concern) => (
            <li key={keyOf(concern)} class="concerns__row">
              <Row concern={concern} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function keyOf(concern: Concern): string {
  const parts = [
    concern.kind,
    "id" in concern ? concern.id : "",
    "limit" in concern ? concern.limit : "",
    "text" in concern ? concern.text : "",
  ];
  return parts.join(" ");
}

function Row({ concern }: { concern: Concern }) {
  const { title, link, why } = describe(concern);
  return (
    <>
      <Status tone={toneOf(concern)}>{title}</Status>
      <span class="concerns__text">
        {link}
        <span class="concerns__why">{why}</span>
      </span>
    </>
  );
}

interface Description {
  title: string;
  link?: ComponentChildren;
  why: ComponentChildren;
}

function describe(concern: Concern): Description {
  const m = t.value;
  switch (concern.kind) {
    case "problem":
      return { title: m["overview.problem"], why: concern.text };
    case "masterKey":
      return { title: m["keys.masterKeyUnusable"], why: concern.text };
    case "dropped":
      return {
        title: m["overview.dropped"](formatCount(concern.count)),
        why: m["overview.droppedText"],
      };
    case "replacedLedger":
      return {
        title: m["overview.replacedLedger"],
        why: m["overview.replacedLedgerText"](formatTime(concern.at), concern.file),
      };
    case "inClear":
      return {
        title: m["overview.inClear"],
        why: <span title={m["keys.inClearText"]}>{m["keys.inClearText"]}</span>,
      };
    case "channel":
      return {
        title: m[`health.${concern.health.verdict}`],
        link: (
          <Link page="channels" item={concern.id} class="concerns__name">
            {concern.name}
          </Link>
        ),
        why:
          concern.health.verdict === "notReady" ? (
            m["health.notReadyText"]
          ) : (
            <Why troubles={concern.health.troubles} />
          ),
      };
    case "errors":
      return {
        title: m["overview.errorRate"](formatPercent(concern.rate)),
        link: (
          <Link
            page="requests"
            query={{ channel: concern.id, status: "error" }}
            class="concerns__name"
          >
            {concern.name}
          </Link>
        ),
        why: m["overview.errorRateText"](formatCount(concern.requests)),
      };
    case "limit": {
      const until = concern.resetsAt;
      return {
        title: concern.used >= concern.most ? m["overview.limitReached"] : m["overview.limitNear"],
        link: <KeyLink id={concern.id} name={concern.name} />,
        why: `${m[`limit.${concern.limit}`]}: ${limitUse(concern)} ${
          until === null ? "" : m["limit.resets"](formatTime(until))
        }`,
      };
    }
    case "expiry":
      return {
        title: concern.isOver ? m["overview.keyExpired"] : m["overview.keyExpires"],
        link: <KeyLink id={concern.id} name={concern.name} />,
        why: formatTime(concern.at),
      };
  }
}

function KeyLink({ id, name }: { id: string; name: string }) {
  return (
    <Link page="keys" item={id} class="concerns__name">
      {name}
    </Link>
  );
}

function limitUse({ limit, used, most }: Concern & { kind: "limit" }): string {
  const said = limit.endsWith("micro_usd") ? formatUsd : formatCount;
  return t.value["limit.usedOf"](said(used), said(most));
}

function Why({ troubles }: { troubles: readonly Trouble[] }) {
  const [first, ...more] = troubles;
  if (first === undefined) {
    return null;
  }
  return (
    <span title={troubles.map(troubleText).join("\n")}>
      {first.name !== null && (
        <>
          <code>{first.name}</code> {first.state === "failed" ? "" : stateText(first.state)}{" "}
        </>
      )}
      <Until at={first.until} />
      {` ${troubleText({ ...first, name: null })}`}
      {more.length > 0 && ` · ${t.value["channels.more"](more.length)}`}
    </span>
  );
}

export function Fleet({ channels, status }: { channels: Channel[]; status: ChannelStatus[] }) {
  const m = t.value;
  return (
    <section class="card" aria-label={m["channels.title"]}>
      <h2 class="card__title">
        {m["channels.title"]} <span class="card__count">{channels.length}</span>
      </h2>
      <ul class="fleet">
        {channels.map((channel) => {
          const health = healthOf(channel, status.find(({ id }) => id === channel.id) ?? null);
          return (
            <li key={channel.id} class="fleet__one">
              <Link page="channels" item={channel.id} class="fleet__name" title={channel.name}>
                {channel.name}
              </Link>
              <Verdict health={health} brief />
              {health.keys > 0 && (
                <span class="muted">{m["overview.keysUsable"](health.usable, health.keys)}</span>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** What a newcomer does next; what is done is marked. */
export function FirstSteps({ hasChannels, hasKeys }: { hasChannels: boolean; hasKeys: boolean }) {
  const m = t.value;
  const steps = [
    { name: "channel", isDone: hasChannels, page: "channels", item: "new" },
    { name: "key", isDone: hasKeys, page: "keys", item: null },
    { name: "play", isDone: false, page: "playground", item: null },
  ] as const;
  const next = steps.find(({ isDone }) => !isDone);
  return (
    <section class="card section first" aria-label={m["first.title"]}>
      <div>
        <h2>{m["first.title"]}</h2>
        <p class="muted">{m["first.text"]}</p>
      </div>
      <ol class="first__steps">
        {steps.map(({ name, isDone, page, item }) => (
          <li key={name} class="first__step">
            {isDone ? (
              <Status tone="good">{m["first.done"]}</Status>
            ) : (
              <Status tone="off">{m["first.open"]}</Status>
            )}
            <div>
              <h3>{m[`first.${name}`]}</h3>
              <p class="muted">{m[`first.${name}Text`]}</p>
            </div>
            {may("admin") && (
              <Link
                page={page}
                {...(item === null ? {} : { item })}
                class={next?.name === name ? "button button--primary" : "button"}
              >
                {m[`first.${name}Do`]}
              </Link>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
