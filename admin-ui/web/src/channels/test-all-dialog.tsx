//! Tests of every key of one or all channels: progress, a way to stop, each result, and keys that the upstream rejects can
//! be disabled, and enabled again.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Failure } from "../api/failure";
import type { Channel, KeyTrial } from "../api/types";
import { Dialog } from "../components/dialog";
import { Switch } from "../components/fields";
import { FailureNotice, failureText, Notice } from "../components/notice";
import { Status } from "../components/status";
import { formatMs, t } from "../i18n";
import {
  begin,
  type ChannelRun,
  countOf,
  type KeysByChannel,
  rejectedOf,
  runAll,
  sumsOf,
  switchKeys,
} from "./test-run";

interface TestAllProps {
  channels: readonly Channel[];
  title: string;
  onClose: () => void;
}

/** The tests under way, and what becomes of rejected keys. */
function useRun(channels: readonly Channel[]) {
  const runs = useSignal<ChannelRun[]>([]);
  const busy = useSignal(false);
  const disabled = useSignal<KeysByChannel | null>(null);
  const failure = useSignal<Failure | null>(null);
  const stopper = useRef<AbortController | null>(null);
  useEffect(() => () => stopper.current?.abort(), []);

  async function start() {
    stopper.current = new AbortController();
    runs.value = begin(channels);
    disabled.value = null;
    failure.value = null;
    busy.value = true;
    await runAll(
      runs.value,
      (changed) => {
        runs.value = runs.value.map((one) => (one.id === changed.id ? changed : one));
      },
      stopper.current.signal,
    );
    busy.value = false;
  }

  async function change(keys: KeysByChannel, enabled: boolean) {
    if (busy.value) {
      return;
    }
    busy.value = true;
    const result = await switchKeys(keys, enabled);
    busy.value = false;
    failure.value = result.failure;
    disabled.value = enabled ? null : result.changed;
  }

  return { runs, busy, disabled, failure, start, change, stop: () => stopper.current?.abort() };
}

export function TestAllDialog({ channels, title, onClose }: TestAllProps) {
  const m = t.value;
  const { runs, busy, disabled, failure, start, change, stop } = useRun(channels);
  const onlyFailed = useSignal(false);
  const sums = sumsOf(runs.value);
  const rejected = rejectedOf(runs.value);
  const hasBegun = runs.value.length > 0;
  const isRunning = runs.value.some(({ state }) => state === "waiting" || state === "running");
  return (
    <Dialog title={title} onClose={onClose} wide>
      <div class="form">
        <p class="muted">{m["testAll.text"]}</p>
        {hasBegun && (
          <div class="trials__progress" aria-live="polite">
            <progress max={runs.value.length} value={sums.done} aria-label={title} />
            <span>{m["testAll.progress"](sums.done, runs.value.length)}</span>
            <span class="muted">{m["testAll.sum"](sums.passed, sums.failed)}</span>
          </div>
        )}
        {!isRunning && countOf(rejected) > 0 && disabled.value === null && (
          <Notice tone="bad" title={m["testAll.disableText"]}>
            <button
              type="button"
              class="button button--small button--danger notice__action"
              aria-disabled={busy.value}
              onClick={() => void change(rejected, false)}
            >
              {m["testAll.disable"](countOf(rejected))}
            </button>
          </Notice>
        )}
        {disabled.value !== null && (
          <Notice tone="good" title={m["testAll.disabled"](countOf(disabled.value))}>
            <button
              type="button"
              class="button button--small notice__action"
              aria-disabled={busy.value}
              onClick={() => void change(disabled.value ?? new Map(), true)}
            >
              {m["undo.undo"]}
            </button>
          </Notice>
        )}
        <FailureNotice failure={failure.value} title={m["testAll.notDisabled"]} />
        {hasBegun && (
          <>
            <Switch
              label={m["testAll.onlyFailed"]}
              checked={onlyFailed.value}
              onChange={(checked) => {
                onlyFailed.value = checked;
              }}
            />
            <ul class="trials" aria-label={m["testAll.results"]}>
              {runs.value.map((run) => (
                <Run key={run.id} run={run} onlyFailed={onlyFailed.value} />
              ))}
            </ul>
          </>
        )}
        <div class="actions actions--end">
          <button type="button" class="button" onClick={onClose}>
            {m["app.close"]}
          </button>
          {isRunning ? (
            <button type="button" class="button button--primary" onClick={stop}>
              {m["testAll.stop"]}
            </button>
          ) : (
            <button
              type="button"
              class="button button--primary"
              aria-disabled={busy.value}
              onClick={() => busy.value || void start()}
            >
              {hasBegun ? m["testAll.again"] : m["testAll.run"]}
            </button>
          )}
        </div>
      </div>
    </Dialog>
  );
}

function Run({ run, onlyFailed }: { run: ChannelRun; onlyFailed: boolean }) {
  const m = t.value;
  const shown = run.results.filter(({ ok }) => !onlyFailed || !ok);
  if (onlyFailed && shown.length === 0 && run.failure === null) {
    return null;
  }
  return (
    <li class="trials__channel">
      <span class="trials__name">{run.name}</span>
      {run.state !== "done" && (
        <span class="muted">
          {
            m[
              `testAll.${run.state === "waiting" || run.state === "running" ? run.state : "stopped"}`
            ]
          }
        </span>
      )}
      {run.failure !== null && (
        <span class="trials__key">
          <Status tone="bad">{m["test.notRun"]}</Status>
          <span class="trials__why">{failureText(run.failure)}</span>
        </span>
      )}
      {shown.length > 0 && (
        <ul class="trials__keys">
          {shown.map((one) => (
            <Key key={one.key} trial={one} />
          ))}
        </ul>
      )}
    </li>
  );
}

function Key({ trial }: { trial: KeyTrial }) {
  const m = t.value;
  const { ok, status, latency_ms, error, hint, outcome } = trial;
  const isTested = outcome !== null || status !== null;
  return (
    <li class="trials__key">
      <code>{hint ?? m["testAll.keyless"]}</code>
      <Status tone={ok ? "good" : "bad"}>
        {m[ok ? "testAll.passed" : isTested ? "testAll.failed" : "testAll.stopped"]}
      </Status>
      {isTested && (
        <span class="muted">
          {status === null ? "" : `${status} · `}
          {formatMs(latency_ms)}
        </span>
      )}
      {error !== null && (
        <span class="trials__why" title={error}>
          {error}
        </span>
      )}
    </li>
  );
}
