//! Importing prices from a price list: read a file, show what would change, then store it.
import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { importPrices } from "../api/client";
import type { Failure } from "../api/failure";
import type { PriceImport as Changes, Price, PriceChange } from "../api/types";
import { Dialog } from "../components/dialog";
import { FileField, Switch } from "../components/fields";
import { FailureNotice, Notice } from "../components/notice";
import { isStale } from "../conflict/stale";
import { formatCount, t } from "../i18n";
import { query } from "../router";
import { denied } from "../session/roles";
import { useUnsaved } from "../unsaved";
import { dollarsOf, MAIN_PRICES } from "./prices";

interface Plan {
  changes: Changes;
  /** The state that was reviewed: another one is not changed. */
  etag: string | null;
  /** Whether another state was reviewed before, and has changed since. */
  isAgain: boolean;
}

const KINDS = ["added", "changed", "removed", "kept"] as const;
/** Prices of a kind that are shown one by one. */
const MAX_SHOWN = 100;

/** Shows this section to readers that another page led here: it is below forms that appear together with it. */
function useReached(): RefObject<HTMLElement | null> {
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    if (query.value["section"] === "prices") {
      section.current?.scrollIntoView();
      section.current?.focus({ preventScroll: true });
    }
  }, []);
  return section;
}

export function PriceImport({ onReload }: { onReload: () => void }) {
  const m = t.value;
  const list = useSignal<unknown>(null);
  const isAll = useSignal(false);
  const plan = useSignal<Plan | null>(null);
  const failure = useSignal<Failure | null>(null);
  const problem = useSignal<string | null>(null);
  const isDone = useSignal(false);
  const busy = useSignal(false);
  const section = useReached();
  useUnsaved(list.value !== null && !isDone.value);

  async function read(file: File | undefined) {
    list.value = null;
    problem.value = null;
    isDone.value = false;
    try {
      list.value = file === undefined ? null : JSON.parse(await file.text());
    } catch (error) {
      problem.value = m["import.noJson"](error instanceof Error ? error.message : "");
    }
  }

  async function review(isAgain = false) {
    isDone.value = false;
    busy.value = true;
    const result = await importPrices(list.value, { dryRun: true, all: isAll.value, etag: null });
    busy.value = false;
    failure.value = result.ok ? null : result.failure;
    plan.value = result.ok ? { ...result.value, isAgain } : null;
  }

  async function apply({ etag }: Plan) {
    busy.value = true;
    const result = await importPrices(list.value, { dryRun: false, all: isAll.value, etag });
    busy.value = false;
    plan.value = null;
    if (result.ok) {
      isDone.value = true;
      onReload();
    } else if (isStale(result.failure)) {
      await review(true);
    } else {
      failure.value = result.failure;
    }
  }

  const isReady = list.value !== null && !busy.value;
  return (
    <section class="card section" ref={section} tabIndex={-1} aria-label={m["priceImport.title"]}>
      <h2>{m["priceImport.title"]}</h2>
      <p class="muted">{m["priceImport.text"]}</p>
      <FailureNotice failure={failure.value} title={m["import.failed"]} />
      {isDone.value && <Notice tone="good">{m["priceImport.done"]}</Notice>}
      <FileField
        label={m["priceImport.file"]}
        problem={problem.value}
        accept="application/json,.json"
        onFile={read}
      />
      <Switch
        label={m["priceImport.all"]}
        checked={isAll.value}
        onChange={(checked) => {
          isAll.value = checked;
        }}
      />
      <div class="actions">
        <button
          type="button"
          class="button"
          aria-disabled={!isReady}
          {...denied()}
          onClick={() => isReady && review()}
        >
          {m["priceImport.review"]}
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

interface ReviewProps {
  plan: Plan;
  busy: boolean;
  onApply: (plan: Plan) => void;
  onClose: () => void;
}

function Review({ plan, busy, onApply, onClose }: ReviewProps) {
  const m = t.value;
  const { changes } = plan;
  const isSame = changes.added.length + changes.changed.length + changes.removed.length === 0;
  return (
    <Dialog title={m["import.reviewTitle"]} onClose={onClose} wide>
      {plan.isAgain && <Notice tone="bad">{m["import.changedMeanwhile"]}</Notice>}
      <p>
        {m["priceImport.summary"](
          changes.source,
          formatCount(changes.unchanged),
          formatCount(changes.skipped),
        )}
      </p>
      {isSame && <p>{m["import.same"]}</p>}
      {changes.unpriced.length > 0 && (
        <p>{m["priceImport.unpriced"](shortened(changes.unpriced))}</p>
      )}
      <ul class="changes">
        {KINDS.flatMap((kind) =>
          changes[kind].slice(0, MAX_SHOWN).map((change) => (
            <li key={`${kind} ${change.model}`}>
              <span class={`tag tag--${kind}`}>{m[`priceImport.${kind}`]}</span>{" "}
              <strong>{change.model}</strong>
              <Amounts change={change} />
            </li>
          )),
        )}
      </ul>
      {KINDS.map(
        (kind) =>
          changes[kind].length > MAX_SHOWN && (
            <p class="muted" key={kind}>
              {m[`priceImport.${kind}`]}: {formatCount(changes[kind].length)}
            </p>
          ),
      )}
      <div class="actions actions--end">
        <button type="button" class="button" onClick={onClose}>
          {m["app.cancel"]}
        </button>
        <button
          type="button"
          class="button button--primary"
          aria-disabled={busy || isSame}
          {...denied()}
          onClick={() => busy || isSame || onApply(plan)}
        >
          {m["priceImport.apply"]}
        </button>
      </div>
    </Dialog>
  );
}

function Amounts({ change: { before, listed } }: { change: PriceChange }) {
  return (
    <div class="changes__member">
      {before !== null && <del>{amountsOf(before)}</del>}
      {listed !== null && <ins>{amountsOf(listed)}</ins>}
    </div>
  );
}

/** The main prices, in dollars; what else differs is in the table afterwards. */
function amountsOf(price: Price): string {
  const texts = t.value;
  const amounts = MAIN_PRICES.filter((name) => price[name] !== null);
  return amounts.map((name) => `${texts[`prices.${name}`]} $${dollarsOf(price[name])}`).join(", ");
}

function shortened(models: readonly string[]): string {
  const shown = models.slice(0, 20).join(", ");
  return models.length > 20 ? `${shown}, …` : shown;
}
