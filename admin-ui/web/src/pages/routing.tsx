//! The dry run: which channel would serve a model, in which order, and why the others would not.
import { useSignal } from "@preact/signals";
import { dryRun, listChannels } from "../api/client";
import type { Failure } from "../api/failure";
import { type DryRun, servedModels } from "../api/types";
import { Until } from "../channels/until";
import { stateText } from "../channels/verdict";
import { TextField } from "../components/fields";
import { Icon } from "../components/icons";
import { FailureNotice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { Status, type Tone } from "../components/status";
import { formatPercent, t } from "../i18n";
import { useResource } from "../resource";

const TONES: Record<string, Tone> = {
  ready: "good",
  probing: "warn",
  cooling: "warn",
  rejected: "bad",
};

export function RoutingPage() {
  const m = t.value;
  const channels = useResource(listChannels);
  const model = useSignal("");
  const busy = useSignal(false);
  const result = useSignal<DryRun | null>(null);
  const failure = useSignal<Failure | null>(null);
  const known = [...new Set((channels.data.value ?? []).flatMap(servedModels))].sort();

  async function run(event: Event) {
    event.preventDefault();
    if (busy.value || model.value.trim() === "") {
      return;
    }
    busy.value = true;
    const answer = await dryRun(model.value.trim());
    busy.value = false;
    failure.value = answer.ok ? null : answer.failure;
    result.value = answer.ok ? answer.value : null;
  }

  return (
    <>
      <PageHead title={m["nav.routing"]} intro={m["routing.intro"]} />
      <form class="card section" onSubmit={run}>
        <div class="row row--end">
          <TextField
            label={m["form.model"]}
            code
            list="routing-models"
            value={model.value}
            onChange={(value) => {
              model.value = value;
            }}
          />
          <button type="submit" class="button button--primary" aria-disabled={busy.value}>
            {m["routing.run"]}
          </button>
        </div>
        <datalist id="routing-models">
          {known.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </form>
      <FailureNotice failure={failure.value} title={m["routing.failed"]} />
      <div class="stack" aria-live="polite">
        {result.value !== null && <Candidates run={result.value} />}
        {result.value !== null && result.value.excluded.length > 0 && (
          <Excluded run={result.value} />
        )}
      </div>
    </>
  );
}

function Candidates({ run }: { run: DryRun }) {
  const m = t.value;
  if (run.data.length === 0) {
    return (
      <div class="card state">
        <h2>{m["routing.noChannel"](run.model)}</h2>
        <p>{m["routing.noChannelText"]}</p>
      </div>
    );
  }
  const columns = ["channel", "key", "state", "share", "upstreamModel"] as const;
  const isAlias = run.models.length > 1;
  return (
    <section class="card">
      <h2 class="card__title">{m["routing.order"](run.model)}</h2>
      <table class="table" role="table" aria-label={m["routing.order"](run.model)}>
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader" class="number">
              {m["routing.place"]}
            </th>
            {columns.map((column) => (
              <th key={column} scope="col" role="columnheader">
                {m[`routing.${column}`]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {run.data.map((one, index) => (
            <tr role="row" key={`${one.model} ${one.channel.id} ${one.key?.id}`}>
              <td role="cell" data-label={m["routing.place"]} class="number">
                {index + 1}
              </td>
              <th scope="row" role="rowheader">
                {one.channel.name}
              </th>
              <td role="cell" data-label={m["routing.key"]}>
                {one.key === null ? m["routing.keyless"] : <code>{one.key.hint}</code>}
              </td>
              <td role="cell" data-label={m["routing.state"]}>
                <div class="troubles">
                  <Status tone={TONES[one.state] ?? "warn"}>
                    {stateText(one.state)} <Until at={one.until} />
                  </Status>
                  {one.detail !== null && <span class="troubles__why">{one.detail}</span>}
                </div>
              </td>
              <td role="cell" data-label={m["routing.share"]}>
                {m["routing.shareOf"](formatPercent(one.share), one.priority)}
              </td>
              <td role="cell" data-label={m["routing.upstreamModel"]}>
                {isAlias && one.model !== one.upstream_model && (
                  <span class="muted">{one.model} → </span>
                )}
                <code>{one.upstream_model}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Excluded({ run }: { run: DryRun }) {
  const m = t.value;
  const reasons: Record<string, string> = {
    disabled: m["why.disabled"],
    model_not_served: m["why.model_not_served"],
    key_missing: m["why.key_missing"],
    no_usable_key: m["why.no_usable_key"],
    key_disabled: m["why.key_disabled"],
    key_unusable: m["why.key_unusable"],
    retry_after: m["why.retry_after"],
    max_attempts: m["why.max_attempts"],
  };
  return (
    <section class="card">
      <h2 class="card__title">{m["routing.excluded"]}</h2>
      <ul class="rows">
        {run.excluded.map((one) => (
          <li class="rows__row" key={`${one.channel.id} ${one.key?.id} ${one.reason}`}>
            <Icon name="off" />
            <span class="rows__name">
              {one.channel.name} {one.key !== null && <code>{one.key.hint}</code>}
            </span>
            <span class="muted">{reasons[one.reason] ?? one.detail}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
