//! One client key: its limits with what is used, its use over time, its last requests, and how to use it.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { allowance, listChannels, requests, showKey } from "../api/client";
import type { Result } from "../api/failure";
import { type Allowance, LIMITS, type RequestRow } from "../api/ledger";
import type { Channel, ClientKey, CreatedKey } from "../api/types";
import { FactList } from "../components/fact-list";
import { Icon } from "../components/icons";
import { Link } from "../components/link";
import { FailureNotice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { Segments } from "../components/segments";
import { formatTime, t } from "../i18n";
import { Created } from "../keys/created";
import { KeyDialog } from "../keys/key-dialog";
import { Limits } from "../keys/limits";
import { RotateDialog } from "../keys/rotate-dialog";
import { exampleModel, PLACEHOLDER } from "../keys/snippets";
import { KeyState, Previous } from "../keys/state";
import { UseIt } from "../keys/use-it";
import { orderOf, RANGES } from "../overview/figures";
import { loadUsage } from "../overview/load-usage";
import { Members } from "../overview/members";
import { UsageCharts } from "../overview/usage";
import { LogTable } from "../requests/table";
import { useResource } from "../resource";
import { ask, query } from "../router";
import { denied } from "../session/roles";

const EVERY_MS = 15_000;
const USAGE_EVERY_MS = 60_000;
/** Requests that are shown; all others are on their own page. */
const LAST = 10;

interface Shown {
  key: ClientKey;
  /** `null`: there are no limits, or the gateway cannot say. */
  used: Allowance | null;
  channels: Channel[];
  /** `null`: nothing is recorded, or the gateway cannot say. */
  last: RequestRow[] | null;
}

async function load(id: string): Promise<Result<Shown>> {
  const [key, channels, last] = await Promise.all([
    showKey(id),
    listChannels(),
    requests({ key: id, limit: String(LAST) }),
  ]);
  if (!key.ok) {
    return key;
  }
  if (!channels.ok) {
    return channels;
  }
  const isLimited = LIMITS.some((limit) => key.value.limits[limit] !== null);
  const used = isLimited ? await allowance(id) : null;
  return {
    ok: true,
    value: {
      key: key.value,
      used: used?.ok ? used.value : null,
      channels: channels.value,
      last: last.ok ? last.value.data : null,
    },
  };
}

export function KeyPage({ id }: { id: string }) {
  const m = t.value;
  const { data, failure, reload } = useResource(() => load(id), EVERY_MS);
  const shown = data.value;
  if (failure.value?.kind === "refused" && failure.value.status === 404) {
    return (
      <>
        <PageHead title={m["clients.missing"]} />
        <div class="card state">
          <p>{m["clients.missingText"]}</p>
          <Link page="keys" class="button">
            {m["clients.toKeys"]}
          </Link>
        </div>
      </>
    );
  }
  if (shown === null) {
    return (
      <>
        <PageHead title={m["clients.key"]} />
        <FailureNotice failure={failure.value} title={m["clients.loadFailed"]} onRetry={reload} />
        {failure.value === null && <div class="card skeleton" aria-hidden="true" />}
      </>
    );
  }
  return (
    <>
      <FailureNotice failure={failure.value} title={m["clients.loadFailed"]} onRetry={reload} />
      <Head shown={shown} onChanged={reload} />
      <Facts shown={shown} onChanged={reload} />
      <KeyUsage id={id} />
      <LastRequests id={id} rows={shown.last ?? []} channels={shown.channels} />
      <section class="card section" aria-label={m["clients.use"]}>
        <h2>{m["clients.use"]}</h2>
        <p class="muted">{m["clients.useHint"]}</p>
        <UseIt secret={PLACEHOLDER} model={exampleModel(shown.key, shown.channels)} />
      </section>
    </>
  );
}

interface PartProps {
  shown: Shown;
  onChanged: () => Promise<void>;
}

function Head({ shown: { key }, onChanged }: PartProps) {
  const m = t.value;
  const open = useSignal<"edit" | "rotate" | null>(null);
  const created = useSignal<CreatedKey | null>(null);
  // As it was when the dialog was opened: what is typed there began with it.
  const began = useSignal(key);
  function show(dialog: "edit" | "rotate") {
    began.value = key;
    open.value = dialog;
  }
  function close() {
    open.value = null;
  }
  return (
    <>
      <PageHead title={key.name} intro={<KeyState of={key} />}>
        <button type="button" class="button" {...denied()} onClick={() => show("edit")}>
          <Icon name="edit" />
          {m["clients.edit"]}
        </button>
        <button type="button" class="button" {...denied()} onClick={() => show("rotate")}>
          <Icon name="reload" />
          {m["rotate.open"]}
        </button>
        <Link page="audit" query={{ object: key.id }} class="button">
          <Icon name="audit" />
          {m["audit.ofObject"]}
        </Link>
        <Link page="keys" class="button">
          {m["clients.toKeys"]}
        </Link>
      </PageHead>
      {open.value === "edit" && (
        <KeyDialog
          key={began.value.revision}
          of={began.value}
          onClose={close}
          onSaved={() => {
            close();
            void onChanged();
          }}
          onReload={(theirs) => {
            began.value = theirs;
            void onChanged();
          }}
        />
      )}
      {open.value === "rotate" && (
        <RotateDialog
          of={began.value}
          onClose={close}
          onRotated={(rotated) => {
            close();
            created.value = rotated;
            void onChanged();
          }}
          onReload={() => {
            close();
            void onChanged();
          }}
        />
      )}
      {created.value !== null && (
        <Created
          created={created.value}
          onClose={() => {
            created.value = null;
          }}
        />
      )}
    </>
  );
}

function Facts({ shown: { key, used }, onChanged }: PartProps) {
  const m = t.value;
  const facts: [string, ComponentChildren][] = [
    [m["clients.hint"], <code key="hint">{key.hint}</code>],
    [
      m["clients.modelsHead"],
      key.models.length === 0 ? m["channels.allModels"] : key.models.join(", "),
    ],
    [
      m["clients.expires"],
      key.expires_at === null ? m["clients.never"] : formatTime(key.expires_at),
    ],
    [m["clients.created"], formatTime(key.created_at)],
    [
      m["clients.lastUsed"],
      key.last_used_at === null ? m["clients.notUsed"] : formatTime(key.last_used_at),
    ],
    ...(key.previous === null
      ? []
      : [
          [m["clients.previous"], <Previous key="previous" of={key} onChanged={onChanged} />] as [
            string,
            ComponentChildren,
          ],
        ]),
  ];
  return (
    <div class="key-facts">
      <section class="card section" aria-label={m["clients.facts"]}>
        <h2>{m["clients.facts"]}</h2>
        <FactList of={facts} kind="facts--rows" />
      </section>
      <section class="card section" aria-label={m["clients.limits"]}>
        <h2>{m["clients.limits"]}</h2>
        <Limits of={key} allowance={used} />
      </section>
    </div>
  );
}

function KeyUsage({ id }: { id: string }) {
  const m = t.value;
  const range = RANGES.find((name) => name === query.value["range"]) ?? "24h";
  const filters = { key: id };
  const order = orderOf(query.value);
  const { data, failure, loading, reload } = useResource(
    () => loadUsage(range, "model", filters, { order }),
    USAGE_EVERY_MS,
    JSON.stringify([range, order]),
  );
  const shown = data.value;
  return (
    <section class="stack" aria-label={m["clients.usageTitle"]} aria-busy={loading.value}>
      <div class="usage__head">
        <h2>{m["clients.usageTitle"]}</h2>
        <Segments
          label={m["usage.range"]}
          value={range}
          options={RANGES.map((name) => [name, m[`range.${name}`]] as const)}
          onChange={(value) => ask({ range: value === "24h" ? "" : value })}
        />
      </div>
      <FailureNotice failure={failure.value} title={m["usage.failed"]} onRetry={reload} />
      {shown === null && failure.value === null && <div class="card skeleton" aria-hidden="true" />}
      {shown !== null && (
        <>
          <UsageCharts shown={shown} />
          <section class="card" aria-label={m["clients.topModels"]}>
            <h2 class="card__title">{m["clients.topModels"]}</h2>
            <Members shown={shown} filters={filters} />
          </section>
        </>
      )}
    </section>
  );
}

interface LastProps {
  id: string;
  rows: readonly RequestRow[];
  channels: readonly Channel[];
}

function LastRequests({ id, rows, channels }: LastProps) {
  const m = t.value;
  return (
    <section class="stack" aria-label={m["clients.lastRequests"]}>
      <div class="usage__head">
        <h2>{m["clients.lastRequests"]}</h2>
        <Link page="requests" query={{ key: id }} class="button button--small">
          {m["clients.allRequests"]}
        </Link>
      </div>
      {rows.length === 0 ? (
        <p class="card state muted">{m["clients.noRequests"]}</p>
      ) : (
        <LogTable rows={rows} channels={channels} />
      )}
    </section>
  );
}
