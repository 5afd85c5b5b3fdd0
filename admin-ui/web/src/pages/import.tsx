//! Moving in from another gateway: choose a file, see what becomes of it, choose what is imported.
import { useSignal } from "@preact/signals";
import { importFile, previewImport } from "../api/client";
import type { Failure } from "../api/failure";
import type { Import, ImportVariable } from "../api/types";
import { FileField, SelectField, Switch, TextField } from "../components/fields";
import { Link } from "../components/link";
import { FailureNotice, Notice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { isStale } from "../conflict/stale";
import { formatCount } from "../i18n";
import {
  base64Of,
  leftOutAtFirst,
  MAX_FILE_BYTES,
  requestOf,
  taken,
  toggled,
  type Wishes,
} from "../moving/choice";
import { AliasList, ChannelRows, KeyRows, Notes } from "../moving/rows";
import { texts } from "../moving/texts";
import { denied } from "../session/roles";
import { useUnsaved } from "../unsaved";

interface Shown {
  plan: Import;
  /** The state that it was compared with: another one is not changed. */
  etag: string | null;
}

/** Their exports look alike. */
const RELATED = ["one_api", "new_api"] as const;
const NOTHING: Wishes = { file: "", format: null, skipNames: false, variables: {} };

export function ImportPage() {
  const m = texts.value;
  const wishes = useSignal(NOTHING);
  const shown = useSignal<Shown | null>(null);
  const leftOut = useSignal<ReadonlySet<string>>(new Set());
  const failure = useSignal<Failure | null>(null);
  const problem = useSignal<string | null>(null);
  const hasChanged = useSignal(false);
  const busy = useSignal(false);
  const plan = shown.value?.plan ?? null;
  useUnsaved(plan !== null && !plan.applied);

  /** Asks for the preview of other wishes; a new file begins with a new choice. */
  async function look(next: Wishes, isNew = false) {
    busy.value = true;
    const result = await previewImport(requestOf(next, new Set()));
    busy.value = false;
    failure.value = result.ok ? null : result.failure;
    if (!result.ok) {
      shown.value = isNew ? null : shown.value;
      return;
    }
    wishes.value = next;
    shown.value = result.value;
    if (isNew) {
      leftOut.value = leftOutAtFirst(result.value.plan);
    }
  }

  async function choose(file: File | undefined) {
    shown.value = null;
    failure.value = null;
    hasChanged.value = false;
    problem.value = file !== undefined && file.size > MAX_FILE_BYTES ? m.tooLarge : null;
    if (file !== undefined && problem.value === null) {
      await look({ ...NOTHING, file: await base64Of(file) }, true);
    }
  }

  const chooseFormat = (format: Wishes["format"]) => look({ ...wishes.value, format }, true);

  async function apply(etag: string | null) {
    busy.value = true;
    const result = await importFile(requestOf(wishes.value, leftOut.value), etag);
    busy.value = false;
    failure.value = null;
    hasChanged.value = false;
    if (result.ok) {
      shown.value = result.value;
      wishes.value = NOTHING;
    } else if (isStale(result.failure)) {
      hasChanged.value = true;
      await look(wishes.value, true);
    } else {
      failure.value = result.failure;
    }
  }

  return (
    <>
      <PageHead title={m.title} intro={m.intro} />
      <section class="card section">
        <Source plan={plan} problem={problem.value} onFile={choose} onFormat={chooseFormat} />
        {busy.value && (
          <p class="muted" role="status">
            {m.reading}
          </p>
        )}
        <FailureNotice failure={failure.value} title={m.failed} />
        {hasChanged.value && <Notice tone="bad">{m.changed}</Notice>}
        {plan?.applied && <Done plan={plan} />}
      </section>
      {shown.value !== null && plan !== null && (
        <>
          {!plan.applied && plan.variables.length > 0 && (
            <Variables
              of={plan.variables}
              onUse={(variables) => look({ ...wishes.value, variables })}
            />
          )}
          <Plan plan={plan} leftOut={leftOut.value} onChange={(next) => (leftOut.value = next)} />
          {!plan.applied && (
            <Apply
              plan={plan}
              leftOut={leftOut.value}
              skipNames={wishes.value.skipNames}
              busy={busy.value}
              onSkipNames={(skipNames) => look({ ...wishes.value, skipNames })}
              onApply={() => apply(shown.value?.etag ?? null)}
            />
          )}
        </>
      )}
    </>
  );
}

interface SourceProps {
  plan: Import | null;
  problem: string | null;
  onFile: (file: File | undefined) => void;
  onFormat: (format: Wishes["format"]) => void;
}

/** The file, and which of two gateways whose files look alike it is of. */
function Source({ plan, problem, onFile, onFormat }: SourceProps) {
  const m = texts.value;
  return (
    <>
      <FileField
        label={m.file}
        hint={m.fileHint}
        problem={problem}
        accept=".db,.sqlite,.sqlite3,.json,.yaml,.yml"
        onFile={onFile}
      />
      {plan !== null && !plan.applied && plan.format !== "litellm" && (
        <SelectField
          label={m.format}
          hint={m.formatHint}
          value={plan.format === "one_api" ? "one_api" : "new_api"}
          options={RELATED.map((name) => [name, m[name]] as const)}
          onChange={onFormat}
        />
      )}
    </>
  );
}

function Done({ plan: { created } }: { plan: Import }) {
  const m = texts.value;
  const { channels, keys, aliases } = created;
  return (
    <Notice tone="good" title={m.done}>
      <p>{m.doneText(formatCount(channels), formatCount(keys), formatCount(aliases))}</p>
      <div class="actions">
        <Link page="channels" class="button">
          {m.toChannels}
        </Link>
        <Link page="keys" class="button">
          {m.toKeys}
        </Link>
      </div>
    </Notice>
  );
}

interface VariablesProps {
  of: readonly ImportVariable[];
  onUse: (values: Record<string, string>) => void;
}

function Variables({ of, onUse }: VariablesProps) {
  const m = texts.value;
  const values = useSignal<Record<string, string>>({});
  return (
    <section class="card section">
      <h2>{m.variables}</h2>
      <p class="muted">{m.variablesText}</p>
      {of.map(({ name }) => (
        <TextField
          key={name}
          label={name}
          type="password"
          code
          value={values.value[name] ?? ""}
          onChange={(value) => (values.value = { ...values.value, [name]: value })}
        />
      ))}
      <div class="actions">
        <button type="button" class="button" onClick={() => onUse(values.value)}>
          {m.useVariables}
        </button>
      </div>
    </section>
  );
}

interface PlanProps {
  plan: Import;
  leftOut: ReadonlySet<string>;
  onChange: (leftOut: ReadonlySet<string>) => void;
}

function Plan({ plan, leftOut, onChange }: PlanProps) {
  const m = texts.value;
  const choice = {
    leftOut,
    isDone: plan.applied,
    onToggle: (items: Parameters<typeof toggled>[1], isTaken: boolean) =>
      onChange(toggled(leftOut, items, isTaken)),
  };
  return (
    <>
      {plan.channels.length > 0 && <ChannelRows of={plan.channels} {...choice} />}
      {plan.keys.length > 0 && <KeyRows of={plan.keys} {...choice} />}
      {plan.aliases.length > 0 && <AliasList of={plan.aliases} {...choice} />}
      {plan.notes.length > 0 && (
        <section class="card section">
          <h2>{m.notes}</h2>
          <Notes of={plan.notes} />
        </section>
      )}
    </>
  );
}

interface ApplyProps {
  plan: Import;
  leftOut: ReadonlySet<string>;
  skipNames: boolean;
  busy: boolean;
  onSkipNames: (skipNames: boolean) => void;
  onApply: () => void;
}

function Apply({ plan, leftOut, skipNames, busy, onSkipNames, onApply }: ApplyProps) {
  const m = texts.value;
  const channels = taken(plan.channels, leftOut).length;
  const keys = taken(plan.keys, leftOut).length;
  const isReady = !busy && channels + keys + taken(plan.aliases, leftOut).length > 0;
  return (
    <section class="card section">
      <Switch label={m.skipNames} checked={skipNames} onChange={onSkipNames} />
      <div class="actions">
        <button
          type="button"
          class="button button--primary"
          aria-disabled={!isReady}
          {...denied()}
          onClick={() => isReady && onApply()}
        >
          {m.apply(formatCount(channels), formatCount(keys))}
        </button>
      </div>
    </section>
  );
}
