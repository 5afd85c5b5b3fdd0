//! The tools that a model calls, and the results that are sent back.
import type { ToolCall } from "../api/chat";
import { Field } from "../components/fields";
import { Icon } from "../components/icons";
import { t } from "../i18n/play";
import { type Answer, ask, isRunning } from "./state";

/** `isLast`: nothing was said since, so that results can still be sent. */
export function Calls({ of, isLast }: { of: Answer; isLast: boolean }) {
  const m = t.value;
  const { progress, results, failure, isRunning: isOwnRunning } = of.state.value;
  const isOpen = isLast && !isOwnRunning && failure === null;

  function send(event: Event) {
    event.preventDefault();
    if (!isRunning.value) {
      const given = progress.calls.map((call) => ({ call, text: results[call.id] ?? "" }));
      void ask({ kind: "results", lane: of.lane, results: given });
    }
  }

  return (
    <form class="calls" onSubmit={send}>
      {progress.calls.map((call) => (
        <div class="calls__call" key={call.id}>
          <p>
            <strong>{m["play.call"](call.name)}</strong>
          </p>
          <pre class="calls__given">{readable(call)}</pre>
          {isOpen && (
            <Field label={m["play.result"](call.name)}>
              {(ties) => (
                <textarea
                  {...ties}
                  class="input input--code"
                  rows={2}
                  spellcheck={false}
                  value={results[call.id] ?? ""}
                  onInput={(event) => {
                    const typed = { ...results, [call.id]: event.currentTarget.value };
                    of.state.value = { ...of.state.value, results: typed };
                  }}
                />
              )}
            </Field>
          )}
        </div>
      ))}
      {isOpen && (
        <div class="actions">
          <button type="submit" class="button button--small" aria-disabled={isRunning.value}>
            <Icon name="send" />
            {m["play.sendResults"]}
          </button>
        </div>
      )}
    </form>
  );
}

/** The arguments with their lines, if they are whole. */
function readable({ arguments: given }: ToolCall): string {
  try {
    return JSON.stringify(JSON.parse(given), null, 2);
  } catch {
    return given;
  }
}
