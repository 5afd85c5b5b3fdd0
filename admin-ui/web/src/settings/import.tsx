//! Importing a configuration: read a file, show what would change, then replace everything at once.
import { type Signal, useSignal } from "@preact/signals";
import { exportConfig, importConfig } from "../api/client";
import type { Failure } from "../api/failure";
import { CloseButton, Dialog } from "../components/dialog";
import { Field, FileField } from "../components/fields";
import { FailureNotice, Notice } from "../components/notice";
import { isStale } from "../conflict/stale";
import { t } from "../i18n";
import { useUnsaved } from "../unsaved";
import { type Change, diff } from "./diff";

interface Plan {
  document: unknown;
  /** The state that the changes are compared with: another one is not replaced. */
  etag: string | null;
  changes: Change[];
  /** The state itself. */
  before: unknown;
  /** What others have changed since another state was reviewed; `null`: none was. */
  meanwhile: Change[] | null;
}

export function Import() {
  const m = t.value;
  const text = useSignal("");
  const plan = useSignal<Plan | null>(null);
  const failure = useSignal<Failure | null>(null);
  const problem = useSignal<string | null>(null);
  const isDone = useSignal(false);
  const busy = useSignal(false);

  useUnsaved(text.value.trim() !== "");

  async function review(reviewed: Plan | null = null) {
    isDone.value = false;
    failure.value = null;
    problem.value = null;
    let document: unknown;
    try {
      document = JSON.parse(text.value);
    } catch (error) {
      problem.value = m["import.noJson"](error instanceof Error ? error.message : "");
      return;
    }
    busy.value = true;
    const current = await exportConfig(false);
    busy.value = false;
    if (!current.ok) {
      failure.value = current.failure;
      return;
    }
    const { etag, document: before } = current.value;
    plan.value = {
      document,
      etag,
      before,
      changes: diff(before, document),
      meanwhile: reviewed === null ? null : diff(reviewed.before, before),
    };
  }

  async function apply(chosen: Plan) {
    busy.value = true;
    const result = await importConfig(chosen.document, chosen.etag);
    busy.value = false;
    plan.value = null;
    if (result.ok) {
      text.value = "";
      isDone.value = true;
    } else if (isStale(result.failure)) {
      await review(chosen);
    } else {
      failure.value = result.failure;
    }
  }

  return (
    <section class="card section">
      <h2>{m["import.title"]}</h2>
      <p class="muted">{m["import.text"]}</p>
      <FailureNotice failure={failure.value} title={m["import.failed"]} />
      {isDone.value && <Notice tone="good">{m["import.done"]}</Notice>}
      <Source text={text} problem={problem.value} />
      <div class="actions">
        <button
          type="button"
          class="button"
          aria-disabled={busy.value || text.value.trim() === ""}
          onClick={() => busy.value || text.value.trim() === "" || review()}
        >
          {m["import.review"]}
        </button>
      </div>
      {plan.value !== null && (
        <Review
          plan={plan.value}
          busy={busy.value}
          onApply={apply}
          onClose={() => {
            plan.value = null;
          }}
        />
      )}
    </section>
  );
}

/** A document from a file or from the clipboard. */
function Source({ text, problem }: { text: Signal<string>; problem: string | null }) {
  const m = t.value;
  return (
    <>
      <FileField
        label={m["import.file"]}
        accept="application/json,.json"
        onFile={async (file) => {
          if (file !== undefined) {
            text.value = await file.text();
          }
        }}
      />
      <Field label={m["import.document"]} errors={problem === null ? undefined : [problem]}>
        {(ties) => (
          <textarea
            {...ties}
            class="input input--code"
            rows={5}
            value={text.value}
            spellcheck={false}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
        )}
      </Field>
    </>
  );
}

interface ReviewProps {
  plan: Plan;
  busy: boolean;
  onApply: (plan: Plan) => void;
  onClose: () => void;
}

function Review({ plan, busy, onApply, onClose }: ReviewProps) {
  const m = t.value;
  return (
    <Dialog title={m["import.reviewTitle"]} onClose={onClose} wide>
      {plan.meanwhile !== null && (
        <>
          <Notice tone="bad">{m["import.changedMeanwhile"]}</Notice>
          <h3>{m["import.byOthers"]}</h3>
          <Changes changes={plan.meanwhile} />
          <h3>{m["import.byThis"]}</h3>
        </>
      )}
      <Changes changes={plan.changes} />
      <div class="actions actions--end">
        <CloseButton />
        <button
          type="button"
          class="button button--primary"
          aria-disabled={busy}
          onClick={() => busy || onApply(plan)}
        >
          {plan.meanwhile === null ? m["import.apply"] : m["conflict.overwrite"]}
        </button>
      </div>
    </Dialog>
  );
}

function Changes({ changes }: { changes: readonly Change[] }) {
  const m = t.value;
  if (changes.length === 0) {
    return <p>{m["import.same"]}</p>;
  }
  return (
    <ul class="changes">
      {changes.map((change) => (
        <li key={`${change.kind} ${change.what} ${change.name}`}>
          <span class={`tag tag--${change.kind}`}>{m[`import.${change.kind}`]}</span>{" "}
          {m[`import.${change.what}`]} <strong>{change.name}</strong>
          {change.members.map(({ name, before, after }) => (
            <div class="changes__member" key={name}>
              <code>{name}</code>
              <del>{before}</del>
              <ins>{after}</ins>
            </div>
          ))}
        </li>
      ))}
    </ul>
  );
}
