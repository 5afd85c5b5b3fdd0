//! Alerts: what is firing, the rules, and where messages are sent.
import { useSignal } from "@preact/signals";
import { Destinations } from "../alerts/destinations";
import { sentOf, type TypedAlerts, typedOf } from "../alerts/draft";
import { Rules } from "../alerts/rules";
import { changeAlerts, showAlerts } from "../api/client";
import type { Failure } from "../api/failure";
import type { Alerts } from "../api/types";
import { FailureNotice, Notice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { Status } from "../components/status";
import { differences } from "../conflict/changes";
import { ConflictDialog } from "../conflict/conflict-dialog";
import { isStale } from "../conflict/stale";
import { formatTime, t } from "../i18n";
import { fieldProblems } from "../i18n/problems";
import { useResource } from "../resource";
import { denied } from "../session/roles";
import { isSame, useUnsaved } from "../unsaved";

/** Rules are evaluated twice as often. */
const EVERY_MS = 60_000;

export function AlertsPage() {
  const m = t.value;
  const { data, failure, reload } = useResource(showAlerts, EVERY_MS);
  const started = useSignal(0);
  const now = data.value;
  return (
    <>
      <PageHead title={m["nav.alerts"]} intro={m["alerts.intro"]} />
      <FailureNotice failure={failure.value} title={m["alerts.failed"]} onRetry={reload} />
      <div class="settings">
        {now === null && failure.value === null && <div class="card skeleton" aria-hidden="true" />}
        {now !== null && (
          <>
            <Firing now={now} />
            <AlertsForm
              key={started.value}
              now={now}
              onSaved={async () => {
                await reload();
                started.value += 1;
              }}
            />
          </>
        )}
      </div>
    </>
  );
}

function Firing({ now }: { now: Alerts }) {
  const m = t.value;
  const isOn = now.destinations.some((one) => one.enabled);
  return (
    <section class="card section">
      <h2>{m["alerts.firing"]}</h2>
      {now.firing.length === 0 ? (
        <p class="muted">
          {isOn ? m["alerts.quiet"] : m["alerts.off"]}{" "}
          {isOn && now.checked_at !== null && m["alerts.checked"](formatTime(now.checked_at))}
        </p>
      ) : (
        <ul class="rows">
          {now.firing.map((one) => {
            const isCritical = one.level === "critical";
            return (
              <li class="rows__row" key={one.subject}>
                <Status tone={isCritical ? "bad" : "warn"}>
                  {isCritical ? m["alerts.critical"] : m["alerts.warning"]}
                </Status>
                <span class="rows__name">
                  {one.text} <span class="muted">{m["alerts.since"](formatTime(one.since))}</span>
                </span>
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}

function AlertsForm({ now, onSaved }: { now: Alerts; onSaved: () => Promise<void> }) {
  const m = t.value;
  const base = useSignal(now);
  const typed = useSignal<TypedAlerts>(typedOf(now));
  const busy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const isSaved = useSignal(false);
  const theirs = useSignal<Alerts | null>(null);
  const isUnsaved = !isSame(typedOf(base.value), typed.value);
  const release = useUnsaved(isUnsaved);

  async function save(over: Alerts = base.value) {
    if (busy.value) {
      return;
    }
    busy.value = true;
    isSaved.value = false;
    const result = await changeAlerts(sentOf(typed.value), over.revision);
    const isMet = !result.ok && isStale(result.failure);
    const meanwhile = isMet ? await showAlerts() : null;
    busy.value = false;
    theirs.value = meanwhile?.ok === true ? meanwhile.value : null;
    failure.value = result.ok || theirs.value !== null ? null : result.failure;
    if (result.ok) {
      base.value = result.value;
      typed.value = typedOf(result.value);
      isSaved.value = true;
    }
  }

  function conflict(found: Alerts) {
    const seen = (of: TypedAlerts) => ({
      ...of.rules,
      destinations: of.destinations.map(({ name, kind, enabled }) => [name, kind, enabled]),
    });
    return differences(seen(typedOf(base.value)), seen(typedOf(found)), seen(typed.value));
  }

  const { destinations: errors } = fieldProblems(failure.value);
  return (
    <form
      class="stack"
      noValidate
      aria-label={m["nav.alerts"]}
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      {theirs.value !== null && (
        <ConflictDialog
          name={m["nav.alerts"]}
          differences={conflict(theirs.value)}
          busy={busy.value}
          onReload={() => {
            release();
            void onSaved();
          }}
          onOverwrite={() => void save(theirs.value ?? base.value)}
          onClose={() => {
            theirs.value = null;
          }}
        />
      )}
      <Rules
        rules={typed.value.rules}
        problems={fieldProblems(failure.value, "rules")}
        onChange={(change) => {
          typed.value = { ...typed.value, rules: { ...typed.value.rules, ...change } };
        }}
      />
      <Destinations
        now={now.destinations}
        destinations={typed.value.destinations}
        errors={errors}
        onChange={(destinations) => {
          typed.value = { ...typed.value, destinations };
        }}
      />
      <FailureNotice failure={failure.value} title={m["form.notSaved"]} />
      {isSaved.value && !isUnsaved && <Notice tone="good">{m["form.saved"]}</Notice>}
      <div class="actions">
        <button
          type="submit"
          class="button button--primary"
          aria-disabled={busy.value}
          {...denied()}
        >
          {busy.value ? m["form.saving"] : m["form.save"]}
        </button>
      </div>
    </form>
  );
}
