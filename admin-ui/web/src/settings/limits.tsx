//! The gateway's own settings. They are part of the configuration, so saving replaces it with itself
//! but for them, and only if nobody has changed it meanwhile.
import { useSignal } from "@preact/signals";
import { exportConfig, importConfig } from "../api/client";
import { type Failure, fieldProblems, type Result } from "../api/failure";
import { parseSettings, type Settings } from "../api/types";
import { numberOf } from "../channels/draft";
import { Switch, TextField } from "../components/fields";
import { FailureNotice, Notice } from "../components/notice";
import { t } from "../i18n";
import { useResource } from "../resource";

const NUMBERS = ["max_attempts", "total_timeout_ms", "max_request_bytes"] as const;

interface Loaded {
  document: object;
  etag: string | null;
  settings: Settings;
}

async function load(): Promise<Result<Loaded>> {
  const result = await exportConfig(false);
  if (!result.ok) {
    return result;
  }
  const { document, etag } = result.value;
  try {
    const settings = parseSettings(document);
    return { ok: true, value: { document: document as object, etag, settings } };
  } catch {
    return { ok: false, failure: { kind: "unexpected" } };
  }
}

export function Limits() {
  const m = t.value;
  const { data, failure, reload } = useResource(load);
  return (
    <section class="card section">
      <h2>{m["limits.title"]}</h2>
      <FailureNotice failure={failure.value} title={m["limits.failed"]} onRetry={reload} />
      {data.value !== null && <LimitsForm loaded={data.value} onSaved={reload} />}
    </section>
  );
}

function LimitsForm({ loaded, onSaved }: { loaded: Loaded; onSaved: () => void }) {
  const m = t.value;
  const typed = useSignal(NUMBERS.map((name) => String(loaded.settings[name])));
  const affinity = useSignal(loaded.settings.session_affinity);
  const busy = useSignal(false);
  const isSaved = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const problems = fieldProblems(failure.value)["settings"];

  async function save(event: Event) {
    event.preventDefault();
    if (busy.value) {
      return;
    }
    busy.value = true;
    isSaved.value = false;
    const numbers = NUMBERS.map((name, index) => [name, numberOf(typed.value[index] ?? "")]);
    const settings = { ...Object.fromEntries(numbers), session_affinity: affinity.value };
    const result = await importConfig({ ...loaded.document, settings }, loaded.etag);
    busy.value = false;
    failure.value = result.ok ? null : result.failure;
    isSaved.value = result.ok;
    if (result.ok || (result.failure.kind === "refused" && result.failure.status === 409)) {
      // After a conflict what was typed stays, and is saved over what is there now when asked again.
      onSaved();
    }
  }

  return (
    <form class="form" onSubmit={save} noValidate>
      <FailureNotice failure={failure.value} title={m["form.notSaved"]} />
      {isSaved.value && <Notice tone="good">{m["form.saved"]}</Notice>}
      <div class="columns columns--three">
        {NUMBERS.map((name, index) => (
          <TextField
            key={name}
            label={m[`limits.${name}`]}
            hint={m[`limits.${name}.hint`]}
            type="number"
            value={typed.value[index] ?? ""}
            errors={problems?.filter((one) => one.includes(name))}
            onChange={(value) => {
              typed.value = typed.value.with(index, value);
            }}
          />
        ))}
      </div>
      <Switch
        label={m["limits.session_affinity"]}
        checked={affinity.value}
        onChange={(checked) => {
          affinity.value = checked;
        }}
      />
      <p class="field__hint">{m["limits.session_affinity.hint"]}</p>
      <div class="actions">
        <button type="submit" class="button" aria-disabled={busy.value}>
          {busy.value ? m["form.saving"] : m["form.save"]}
        </button>
      </div>
    </form>
  );
}
