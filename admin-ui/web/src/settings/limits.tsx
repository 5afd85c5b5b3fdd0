//! The gateway's own settings as forms: limits of requests, default models, aliases, trusted proxies, the ledger, prices. Each
//! is saved by itself.
import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { SettingsFields } from "../../generated/schema";
import { numberOf } from "../channels/number-settings";
import { ListEditor, MapEditor } from "../components/editors";
import { Field, Switch, TextField } from "../components/fields";
import { FailureNotice, Notice } from "../components/notice";
import { linesOf, listMapOf, listPairsOf, mapOf, pairsOf } from "../components/pairs";
import { PricesEditor } from "../components/prices-editor";
import { ConflictDialog } from "../conflict/conflict-dialog";
import { formatCount, t } from "../i18n";
import { useResource } from "../resource";
import { PriceImport } from "./price-import";
import { pricesOf, rowsOf } from "./prices";
import { type Loaded, loadSettings } from "./save";
import { useSaving } from "./use-saving";

const REQUEST_NUMBERS = ["max_attempts", "total_timeout_ms", "max_request_bytes"] as const;
const LEDGER_NUMBERS = ["request_log_rows", "request_log_days", "response_record_days"] as const;

interface FormProps {
  loaded: Loaded;
  onSaved: (now: Loaded) => void;
  onReload: () => void;
}

export function GatewaySettings() {
  const { data, failure, reload } = useResource(loadSettings);
  // Counts how often what was typed was given up for what is there now.
  const started = useSignal(0);
  const loaded = data.value;
  async function startAgain() {
    await reload();
    started.value += 1;
  }
  return (
    <>
      <FailureNotice failure={failure.value} title={t.value["limits.failed"]} onRetry={reload} />
      {loaded === null && failure.value === null && (
        <div class="card skeleton" aria-hidden="true" />
      )}
      {loaded !== null &&
        Object.entries(FORMS).map(([name, Form]) => (
          <Form
            key={`${name} ${started.value}`}
            loaded={loaded}
            onSaved={reload}
            onReload={startAgain}
          />
        ))}
      {loaded !== null && <PriceImport onReload={startAgain} />}
    </>
  );
}

function LimitsForm({ loaded, onSaved, onReload }: FormProps) {
  const m = t.value;
  const typed = useTyped(REQUEST_NUMBERS, loaded);
  const affinity = useSignal(loaded.settings.session_affinity);
  const headers = useSignal(loaded.settings.session_headers);
  const saving = useSaving(loaded, onSaved, onReload);
  return (
    <SettingsForm
      title={m["limits.title"]}
      saving={saving}
      onReload={onReload}
      onSave={() =>
        saving.save({
          ...numbersOf(REQUEST_NUMBERS, typed),
          session_affinity: affinity.value,
          session_headers: headers.value,
        })
      }
    >
      <div class="columns columns--three">
        {REQUEST_NUMBERS.map((name, index) => (
          <TextField
            key={name}
            label={m[`limits.${name}`]}
            hint={m[`limits.${name}.hint`](...rangeOf(name))}
            type="number"
            value={typed.value[index] ?? ""}
            errors={saving.problemsOf(name)}
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
      <ListEditor
        label={m["limits.session_headers"]}
        hint={m["limits.session_headers.hint"]}
        values={headers.value}
        errors={saving.problemsOf("session_headers")}
        onChange={(next) => {
          headers.value = next;
        }}
      />
    </SettingsForm>
  );
}

function DefaultModelsForm({ loaded, onSaved, onReload }: FormProps) {
  const m = t.value;
  const pairs = useSignal(pairsOf(loaded.settings.default_models));
  const saving = useSaving(loaded, onSaved, onReload);
  return (
    <SettingsForm
      title={m["defaults.title"]}
      text={m["defaults.text"]}
      saving={saving}
      onReload={onReload}
      onSave={() => saving.save({ default_models: mapOf(pairs.value) })}
    >
      <MapEditor
        label={m["defaults.models"]}
        nameLabel={m["defaults.operation"]}
        valueLabel={m["usage.model"]}
        names={SettingsFields.default_models.names}
        pairs={pairs.value}
        errors={saving.problemsOf("default_models")}
        onChange={(next) => {
          pairs.value = next;
        }}
      />
    </SettingsForm>
  );
}

function AliasesForm({ loaded, onSaved, onReload }: FormProps) {
  const m = t.value;
  const pairs = useSignal(listPairsOf(loaded.settings.aliases));
  const saving = useSaving(loaded, onSaved, onReload);
  return (
    <SettingsForm
      title={m["aliases.title"]}
      text={m["aliases.text"]}
      saving={saving}
      onReload={onReload}
      onSave={() => saving.save({ aliases: listMapOf(pairs.value) })}
    >
      <MapEditor
        label={m["aliases.models"]}
        hint={m["aliases.hint"]}
        nameLabel={m["aliases.name"]}
        valueLabel={m["aliases.chain"]}
        pairs={pairs.value}
        errors={saving.problemsOf("aliases")}
        onChange={(next) => {
          pairs.value = next;
        }}
      />
    </SettingsForm>
  );
}

function ProxiesForm({ loaded, onSaved, onReload }: FormProps) {
  const m = t.value;
  const text = useSignal(loaded.settings.trusted_proxies.join("\n"));
  const saving = useSaving(
    loaded,
    (now) => {
      text.value = now.settings.trusted_proxies.join("\n");
      onSaved(now);
    },
    onReload,
  );
  return (
    <SettingsForm
      title={m["proxies.title"]}
      text={m["proxies.text"]}
      saving={saving}
      onReload={onReload}
      onSave={() => saving.save({ trusted_proxies: linesOf(text.value) })}
    >
      <Field
        label={m["proxies.trusted"]}
        hint={m["proxies.trusted.hint"]}
        errors={saving.problemsOf("trusted_proxies")}
      >
        {(ties) => (
          <textarea
            {...ties}
            class="input input--code"
            rows={3}
            value={text.value}
            spellcheck={false}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
        )}
      </Field>
    </SettingsForm>
  );
}

function LedgerForm({ loaded, onSaved, onReload }: FormProps) {
  const m = t.value;
  const typed = useTyped(LEDGER_NUMBERS, loaded);
  const isOn = useSignal(loaded.settings.ledger);
  const keepsDetails = useSignal(loaded.settings.log_error_details);
  const saving = useSaving(loaded, onSaved, onReload);
  return (
    <SettingsForm
      title={m["ledger.title"]}
      text={m["ledger.text"]}
      saving={saving}
      onReload={onReload}
      onSave={() =>
        saving.save({
          ...numbersOf(LEDGER_NUMBERS, typed),
          ledger: isOn.value,
          log_error_details: keepsDetails.value,
        })
      }
    >
      <Switch
        label={m["ledger.on"]}
        checked={isOn.value}
        onChange={(checked) => {
          isOn.value = checked;
        }}
      />
      <p class="field__hint">{m["ledger.onHint"]}</p>
      <Switch
        label={m["ledger.log_error_details"]}
        checked={keepsDetails.value}
        onChange={(checked) => {
          keepsDetails.value = checked;
        }}
      />
      <p class="field__hint">{m["ledger.log_error_details.hint"]}</p>
      <div class="columns">
        {LEDGER_NUMBERS.map((name, index) => (
          <TextField
            key={name}
            label={m[`ledger.${name}`]}
            hint={m[`ledger.${name}.hint`](...rangeOf(name))}
            type="number"
            value={typed.value[index] ?? ""}
            errors={saving.problemsOf(name)}
            onChange={(value) => {
              typed.value = typed.value.with(index, value);
            }}
          />
        ))}
      </div>
    </SettingsForm>
  );
}

function PricesForm({ loaded, onSaved, onReload }: FormProps) {
  const m = t.value;
  const rows = useSignal(rowsOf(loaded.settings.prices));
  const saving = useSaving(loaded, onSaved, onReload);
  return (
    <SettingsForm
      title={m["prices.title"]}
      text={m["prices.text"]}
      saving={saving}
      onReload={onReload}
      onSave={() => saving.save({ prices: pricesOf(rows.value) })}
    >
      <PricesEditor
        label={m["prices.title"]}
        rows={rows.value}
        errors={saving.problemsOf("prices")}
        onChange={(next) => {
          rows.value = next;
        }}
      />
    </SettingsForm>
  );
}

const FORMS = {
  limits: LimitsForm,
  defaults: DefaultModelsForm,
  aliases: AliasesForm,
  proxies: ProxiesForm,
  ledger: LedgerForm,
  prices: PricesForm,
};

interface SettingsFormProps {
  title: string;
  text?: string;
  saving: ReturnType<typeof useSaving>;
  onSave: () => void;
  onReload: () => void;
  children: ComponentChildren;
}

function SettingsForm({ title, text, saving, onSave, onReload, children }: SettingsFormProps) {
  const m = t.value;
  const conflict = saving.conflict();
  return (
    <form
      class="card section"
      aria-label={title}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSave();
      }}
    >
      <h2>{title}</h2>
      {conflict !== null && (
        <ConflictDialog
          name={m["conflict.settings"]}
          differences={conflict}
          busy={saving.busy.value}
          onReload={onReload}
          onOverwrite={saving.overwrite}
          onClose={saving.giveUp}
        />
      )}
      {text !== undefined && <p class="muted">{text}</p>}
      <FailureNotice failure={saving.failure.value} title={m["form.notSaved"]} />
      {saving.isSaved.value && <Notice tone="good">{m["form.saved"]}</Notice>}
      {children}
      <div class="actions">
        <button type="submit" class="button" aria-disabled={saving.busy.value}>
          {saving.busy.value ? m["form.saving"] : m["form.save"]}
        </button>
      </div>
    </form>
  );
}

type NumberName = (typeof REQUEST_NUMBERS)[number] | (typeof LEDGER_NUMBERS)[number];

/** Numbers as they are typed, in the order of `names`. */
function useTyped(names: readonly NumberName[], { settings }: Loaded): Signal<string[]> {
  return useSignal(names.map((name) => String(settings[name])));
}

function numbersOf(names: readonly NumberName[], typed: Signal<string[]>): object {
  return Object.fromEntries(names.map((name, index) => [name, numberOf(typed.value[index] ?? "")]));
}

/** The smallest and the largest value. */
function rangeOf(name: NumberName): [min: string, max: string] {
  const { minimum, maximum } = SettingsFields[name];
  return [formatCount(minimum), formatCount(maximum)];
}
