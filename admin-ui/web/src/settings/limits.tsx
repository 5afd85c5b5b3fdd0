//! The gateway's own settings as forms: limits of requests, default models, aliases, trusted proxies, the ledger, prices. Each
//! is saved by itself.
import { type Signal, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { SettingsFields } from "../../generated/schema";
import { numberOf } from "../channels/number-settings";
import { ListEditor, MapEditor } from "../components/editors";
import { Field, SelectField, Switch, TextField } from "../components/fields";
import { FailureNotice, Notice } from "../components/notice";
import { linesOf, listMapOf, listPairsOf, mapOf, pairsOf } from "../components/pairs";
import { PricesEditor } from "../components/prices-editor";
import { formatCount, t } from "../i18n";
import { useResource } from "../resource";
import { AccessForm } from "./access";
import { exceptions, exceptionsOf } from "./balance";
import { PriceImport } from "./price-import";
import { pricesOf, rowsOf } from "./prices";
import { type Loaded, loadSettings } from "./save";
import { SettingsForm } from "./settings-form";
import { type FormProps, useSaving } from "./use-saving";

const REQUEST_NUMBERS = ["max_attempts", "total_timeout_ms", "max_request_bytes"] as const;
const LEDGER_NUMBERS = [
  "request_log_rows",
  "request_log_days",
  "response_record_days",
  "usage_days",
  "audit_days",
] as const;

export function GatewaySettings() {
  const { data, failure, reload } = useResource(loadSettings);
  const loaded = data.value;
  return (
    <>
      <FailureNotice failure={failure.value} title={t.value["limits.failed"]} onRetry={reload} />
      {loaded === null && failure.value === null && (
        <div class="card skeleton" aria-hidden="true" />
      )}
      {loaded !== null &&
        Object.entries(FORMS).map(([name, Form]) => (
          <Part key={name} Form={Form} loaded={loaded} reload={reload} />
        ))}
      {loaded !== null && <PriceImport onReload={reload} />}
    </>
  );
}

interface PartProps extends Omit<FormProps, "restart"> {
  Form: (props: FormProps) => VNode;
}

/** One form. What is typed in the others stays when it begins again. */
function Part({ Form, loaded, reload }: PartProps) {
  const started = useSignal(0);
  return (
    <Form
      key={started.value}
      loaded={loaded}
      reload={reload}
      restart={() => {
        started.value += 1;
      }}
    />
  );
}

function LimitsForm(props: FormProps) {
  const m = t.value;
  const { settings } = props.loaded;
  const typed = useTyped(REQUEST_NUMBERS, settings);
  const balance = useSignal(settings.balance);
  const others = useSignal(exceptionsOf(settings));
  const affinity = useSignal(settings.session_affinity);
  const headers = useSignal(settings.session_headers);
  const saving = useSaving(props, {
    ...numbersOf(REQUEST_NUMBERS, typed),
    balance: balance.value,
    balance_by_priority: exceptions(balance.value, others.value),
    session_affinity: affinity.value,
    session_headers: headers.value,
  });
  return (
    <SettingsForm title={m["limits.title"]} saving={saving}>
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
      <div class="columns">
        <SelectField
          label={m["limits.balance"]}
          hint={m["limits.balance.hint"]}
          value={balance.value}
          options={[
            ["weight", m["limits.balance.weight"]],
            ["least_busy", m["limits.balance.least_busy"]],
          ]}
          errors={saving.problemsOf("balance")}
          onChange={(value) => {
            balance.value = value;
          }}
        />
        <ListEditor
          label={m["limits.balance_by_priority"]}
          values={others.value}
          errors={saving.problemsOf("balance_by_priority")}
          onChange={(next) => {
            others.value = next;
          }}
        />
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

function DefaultModelsForm(props: FormProps) {
  const m = t.value;
  const { settings } = props.loaded;
  const pairs = useSignal(pairsOf(settings.default_models));
  const saving = useSaving(props, { default_models: mapOf(pairs.value) });
  return (
    <SettingsForm title={m["defaults.title"]} text={m["defaults.text"]} saving={saving}>
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

function AliasesForm(props: FormProps) {
  const m = t.value;
  const { settings } = props.loaded;
  const pairs = useSignal(listPairsOf(settings.aliases));
  const saving = useSaving(props, { aliases: listMapOf(pairs.value) });
  return (
    <SettingsForm title={m["aliases.title"]} text={m["aliases.text"]} saving={saving}>
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

function ProxiesForm(props: FormProps) {
  const m = t.value;
  const { settings } = props.loaded;
  const text = useSignal(settings.trusted_proxies.join("\n"));
  const saving = useSaving(props, { trusted_proxies: linesOf(text.value) }, (now) => {
    const { trusted_proxies } = now.settings;
    text.value = trusted_proxies.join("\n");
    return { trusted_proxies };
  });
  return (
    <SettingsForm title={m["proxies.title"]} text={m["proxies.text"]} saving={saving}>
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

function LedgerForm(props: FormProps) {
  const m = t.value;
  const { settings } = props.loaded;
  const typed = useTyped(LEDGER_NUMBERS, settings);
  const isOn = useSignal(settings.ledger);
  const keepsDetails = useSignal(settings.log_error_details);
  const keepsResponses = useSignal(settings.responses_store);
  const saving = useSaving(props, {
    ...numbersOf(LEDGER_NUMBERS, typed),
    ledger: isOn.value,
    log_error_details: keepsDetails.value,
    responses_store: keepsResponses.value,
  });
  return (
    <SettingsForm title={m["ledger.title"]} text={m["ledger.text"]} saving={saving}>
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
      <Switch
        label={m["ledger.responses_store"]}
        checked={keepsResponses.value}
        onChange={(checked) => {
          keepsResponses.value = checked;
        }}
      />
      <p class="field__hint">{m["ledger.responses_store.hint"]}</p>
      {keepsResponses.value && <Notice tone="info">{m["ledger.responses_store.warning"]}</Notice>}
    </SettingsForm>
  );
}

function PricesForm(props: FormProps) {
  const m = t.value;
  const { settings } = props.loaded;
  const rows = useSignal(rowsOf(settings.prices));
  const saving = useSaving(props, { prices: pricesOf(rows.value) });
  return (
    <SettingsForm title={m["prices.title"]} text={m["prices.text"]} saving={saving}>
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
  access: AccessForm,
  prices: PricesForm,
};

type NumberName = (typeof REQUEST_NUMBERS)[number] | (typeof LEDGER_NUMBERS)[number];

/** Numbers as they are typed, in the order of `names`. */
function useTyped(names: readonly NumberName[], settings: Loaded["settings"]): Signal<string[]> {
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
