//! The first page: how everything fares, what needs attention, and usage over time.
import { allowances, keyPage, listChannels, status, usage } from "../api/client";
import type { Result } from "../api/failure";
import type { KeyAllowance, UsageRow } from "../api/ledger";
import type { ClientKey } from "../api/types";
import { setClock } from "../clock";
import { lazy } from "../components/lazy";
import { Link } from "../components/link";
import { FailureNotice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { t } from "../i18n";
import { concernsOf } from "../overview/attention";
import { wasAnswered } from "../overview/first-request";
import { Attention, FirstSteps, Fleet } from "../overview/live";
import { useResource } from "../resource";
import { may } from "../session/roles";
import { sessionInfo } from "../session/session";
import { isDeleted } from "../undo";

/** The charts come behind what is going on now. */
const UsageSection = lazy(async () => (await import("../overview/section")).UsageSection);

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
      {isNew && channels.length === 0 && may("admin") && (
        <p>
          <Link page="import">{m["settings.moveIn"]}</Link>
        </p>
      )}
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
              replacedLedger: health.replaced_ledger,
              nowMs: Date.now(),
            })}
          />
          <Fleet channels={channels} status={health.data} />
        </div>
      )}
      {channels !== null && channels.length > 0 && <UsageSection />}
    </>
  );
}
