//! The first page: how everything fares, what needs attention, and usage over time.
import { allowances, keyPage, listChannels, showKey, status, usage } from "../api/client";
import type { Result } from "../api/failure";
import { GROUPS, type KeyAllowance, LIMITING, type UsageRow } from "../api/ledger";
import type { ClientKey } from "../api/types";
import { setClock } from "../clock";
import { Icon } from "../components/icons";
import { FailureNotice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { Segments } from "../components/segments";
import { t } from "../i18n";
import { concernsOf } from "../overview/attention";
import { RANGES } from "../overview/figures";
import { wasAnswered } from "../overview/first-request";
import { Attention, FirstSteps, Fleet } from "../overview/live";
import { loadUsage } from "../overview/load-usage";
import { Members, UsageCharts, UsageTable } from "../overview/usage";
import { useResource } from "../resource";
import { ask, type Query, query } from "../router";
import { sessionInfo } from "../session/session";
import { isDeleted } from "../undo";

const LIVE_EVERY_MS = 5_000;
const SLOW_EVERY_MS = 60_000;
/** Errors of the last two hours, the one that runs included, are news. */
const RECENT_MS = 3_600_000;
/** Those that expire first. */
const EXPIRING_ASKED = "100";
/** From this share of a limit on, its use is shown. */
const NEAR_PERCENT = "80";

async function loadLive() {
  const [channels, health, isUsed] = await Promise.all([listChannels(), status(), wasAnswered()]);
  if (!channels.ok) {
    return channels;
  }
  if (!health.ok) {
    return health;
  }
  setClock(health.value);
  return { ok: true as const, value: { channels: channels.value, health: health.value, isUsed } };
}

interface Slow {
  /** Those that expire first, and how many there are in all. */
  keys: ClientKey[];
  keyCount: number;
  nearLimit: KeyAllowance[];
  recent: UsageRow[];
}

async function loadSlow(): Promise<Result<Slow>> {
  const now = Date.now();
  const [keys, near, recent] = await Promise.all([
    keyPage({ sort: "expires", limit: EXPIRING_ASKED }),
    allowances({ used_percent: NEAR_PERCENT }),
    usage({
      from: new Date(now - RECENT_MS).toISOString(),
      to: new Date(now + RECENT_MS).toISOString(),
      bucket: "hour",
      group: "channel",
    }),
  ]);
  if (!keys.ok) {
    return keys;
  }
  // Without a ledger the charts say so; what is known besides is still worth showing.
  return {
    ok: true,
    value: {
      keys: keys.value.data,
      keyCount: keys.value.total ?? keys.value.data.length,
      nearLimit: near.ok ? near.value : [],
      recent: recent.ok ? recent.value : [],
    },
  };
}

/** The filters of this page that the API knows under the same names. */
function filtersOf(asked: Query): Query {
  return Object.fromEntries(LIMITING.flatMap((name) => (asked[name] ? [[name, asked[name]]] : [])));
}

export function OverviewPage() {
  const m = t.value;
  const live = useResource(loadLive, LIVE_EVERY_MS);
  const slow = useResource(loadSlow, SLOW_EVERY_MS);
  const channels = live.data.value?.channels.filter(({ id }) => !isDeleted(id)) ?? null;
  const health = live.data.value?.health ?? null;
  const keys = slow.data.value?.keys ?? null;
  const keyCount = slow.data.value?.keyCount ?? null;
  const isUsed = live.data.value?.isUsed ?? true;
  const isNew =
    channels !== null && keyCount !== null && (channels.length === 0 || keyCount === 0 || !isUsed);

  return (
    <>
      <PageHead title={m["nav.overview"]} intro={m["overview.intro"]} />
      <FailureNotice
        failure={live.failure.value ?? slow.failure.value}
        title={m["overview.failed"]}
        onRetry={() => {
          void live.reload();
          void slow.reload();
        }}
      />
      {channels === null && live.failure.value === null && (
        <div class="card skeleton" aria-hidden="true" />
      )}
      {isNew && <FirstSteps hasChannels={channels.length > 0} hasKeys={(keyCount ?? 0) > 0} />}
      {channels !== null && channels.length > 0 && health !== null && (
        <div class="live">
          <Attention
            concerns={concernsOf({
              channels,
              status: health.data,
              problems: health.problems,
              keys: keys ?? [],
              nearLimit: slow.data.value?.nearLimit ?? [],
              recent: slow.data.value?.recent ?? [],
              session: sessionInfo.value,
              dropped: health.dropped_records,
              nowMs: Date.now(),
            })}
          />
          <Fleet channels={channels} status={health.data} />
        </div>
      )}
      {channels !== null && channels.length > 0 && <Usage />}
    </>
  );
}

function Usage() {
  const m = t.value;
  const asked = query.value;
  const rangeName = RANGES.find((name) => name === asked["range"]) ?? "24h";
  const filters = filtersOf(asked);
  // Reasons are counted for all models and channels together, of one key at most.
  const isPart = filters["model"] || filters["channel"] || filters["tag"];
  const groups = isPart ? LIMITING : GROUPS;
  const group = groups.find((name) => name === asked["group"]) ?? "model";
  const { data, failure, loading, reload } = useResource(
    () => loadUsage(rangeName, group, filters),
    SLOW_EVERY_MS,
    JSON.stringify([rangeName, group, filters]),
  );
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
        </div>
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
      {LIMITING.map((name) => {
        const value = filters[name];
        if (value === undefined) {
          return null;
        }
        const said = name === "key" && key?.id === value ? key.name : value;
        return (
          <button key={name} type="button" class="filter" onClick={() => ask({ [name]: "" })}>
            {m[`usage.${name}`]}: <strong>{said}</strong>
            <Icon name="close" />
            <span class="visually-hidden">{m["app.remove"](said)}</span>
          </button>
        );
      })}
    </>
  );
}
