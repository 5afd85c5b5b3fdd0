//! One real call to a channel, and what came of it.
import { useSignal } from "@preact/signals";
import { testChannel } from "../api/client";
import type { Failure } from "../api/failure";
import { type Channel, servedModels, type Trial } from "../api/types";
import { Dialog } from "../components/dialog";
import { FactList } from "../components/fact-list";
import { Switch, TextField } from "../components/fields";
import { FailureNotice, Notice } from "../components/notice";
import { formatMs, t } from "../i18n";
import { TestAllDialog } from "./test-all-dialog";

export function TestDialog({ channel, onClose }: { channel: Channel; onClose: () => void }) {
  const m = t.value;
  const served = servedModels(channel);
  const model = useSignal(served[0] ?? "");
  const stream = useSignal(true);
  const busy = useSignal(false);
  const result = useSignal<Trial | null>(null);
  const failure = useSignal<Failure | null>(null);
  const isForAll = useSignal(false);

  async function run(event: Event) {
    event.preventDefault();
    if (busy.value) {
      return;
    }
    busy.value = true;
    result.value = null;
    failure.value = null;
    const name = model.value.trim();
    const answer = await testChannel(channel.id, {
      stream: stream.value,
      ...(name === "" ? {} : { model: name }),
    });
    busy.value = false;
    if (answer.ok) {
      result.value = answer.value;
    } else {
      failure.value = answer.failure;
    }
  }

  if (isForAll.value) {
    return (
      <TestAllDialog channels={[channel]} title={m["test.title"](channel.name)} onClose={onClose} />
    );
  }
  return (
    <Dialog title={m["test.title"](channel.name)} onClose={onClose}>
      <form class="form" onSubmit={run}>
        <p class="muted">{m["test.text"]}</p>
        <TextField
          label={m["test.model"]}
          value={model.value}
          code
          list="test-models"
          onChange={(value) => {
            model.value = value;
          }}
        />
        <datalist id="test-models">
          {served.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <Switch
          label={m["test.stream"]}
          checked={stream.value}
          onChange={(checked) => {
            stream.value = checked;
          }}
        />
        <div class="test__result" aria-live="polite">
          {busy.value && <p class="muted">{m["test.busy"]}</p>}
          {result.value !== null && <Outcome trial={result.value} />}
          <FailureNotice failure={failure.value} title={m["test.notRun"]} />
        </div>
        <div class="actions actions--end">
          <button type="button" class="button" onClick={onClose}>
            {m["app.close"]}
          </button>
          {channel.keys.length > 1 && (
            <button
              type="button"
              class="button"
              aria-disabled={busy.value}
              onClick={() => {
                isForAll.value = !busy.value;
              }}
            >
              {m["test.allKeys"]}
            </button>
          )}
          <button type="submit" class="button button--primary" aria-disabled={busy.value}>
            {m["test.run"]}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Outcome({ trial }: { trial: Trial }) {
  const m = t.value;
  const facts: [string, string][] = [
    [m["test.status"], trial.status === null ? "–" : String(trial.status)],
    [m["test.latency"], formatMs(trial.latency_ms)],
    ...(trial.first_token_ms === null
      ? []
      : [[m["test.firstToken"], formatMs(trial.first_token_ms)] as [string, string]]),
  ];
  return (
    <Notice tone={trial.ok ? "good" : "bad"} title={trial.ok ? m["test.ok"] : m["test.bad"]}>
      {trial.error !== null && <p class="pre">{trial.error}</p>}
      <FactList of={facts} />
    </Notice>
  );
}
