//! The fields of a channel: first what everybody needs, the rest under "advanced". Draws a draft and
//! reports changes; keeps nothing.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ChannelCreateFields, type Provider, ProviderValues } from "../../generated/schema";
import type { Channel } from "../api/types";
import { ListEditor, MapEditor } from "../components/editors";
import { SelectField, Switch, TextField } from "../components/fields";
import { Icon } from "../components/icons";
import { PricesEditor } from "../components/prices-editor";
import { language, t } from "../i18n";
import { suggestedBaseUrl } from "./base-url";
import { type Draft, modelsQuestion, withPreset } from "./draft";
import { KeysEditor } from "./keys-editor";
import { NUMBER_SETTINGS, wordsOf } from "./number-settings";
import { PickModels } from "./pick-models";
import { PRESETS, presetOf } from "./presets";

/** Where a mistake would be out of sight. */
const ADVANCED = [
  "model_map",
  "headers",
  "rename_params",
  "drop_params",
  "default_params",
  "stream_usage",
  "dialects",
  "quirks",
  ...NUMBER_SETTINGS,
  "prices",
];

function kindName(provider: Provider): string {
  return provider === "openai" ? t.value["form.providerOpenai"] : presetOf(provider).name;
}

function baseUrlHint(provider: Provider): string {
  const m = t.value;
  switch (provider) {
    case "openai":
      return m["form.baseUrlHint.openai"];
    case "azure":
      return m["form.baseUrlHint.azure"];
    default:
      return m["form.baseUrlHint.usual"](presetOf(provider).baseUrl);
  }
}

interface FormProps {
  draft: Draft;
  stored: Channel | null;
  problems: Record<string, string[]>;
  onChange: (change: Partial<Draft>) => void;
}

export function ChannelForm(props: FormProps) {
  return (
    <>
      <Service {...props} />
      <Models {...props} />
      <Traffic {...props} />
      <Advanced {...props} />
    </>
  );
}

function Service({ draft, stored, problems, onChange }: FormProps) {
  const m = t.value;
  return (
    <section class="card section">
      <h2>{m["form.service"]}</h2>
      {stored === null && (
        <fieldset class="field">
          <legend class="field__label">{m["form.preset"]}</legend>
          <div class="presets">
            {PRESETS.map((preset) => (
              <button
                key={preset.id}
                type="button"
                class="preset"
                aria-pressed={
                  preset.baseUrl === draft.base_url && preset.provider === draft.provider
                }
                onClick={() => onChange(withPreset(draft, preset))}
              >
                {preset.name}
              </button>
            ))}
          </div>
        </fieldset>
      )}
      <div class="columns">
        <TextField
          label={m["form.name"]}
          value={draft.name}
          required
          errors={problems["name"]}
          onChange={(name) => onChange({ name })}
        />
        <SelectField
          label={m["form.provider"]}
          value={draft.provider}
          options={ProviderValues.map((provider) => [provider, kindName(provider)])}
          errors={problems["provider"]}
          onChange={(provider) => onChange({ provider })}
        />
      </div>
      <TextField
        label={m["form.baseUrl"]}
        hint={baseUrlHint(draft.provider)}
        type="url"
        code
        required
        value={draft.base_url}
        errors={problems["base_url"]}
        onChange={(base_url) => onChange({ base_url })}
      />
      <BaseUrlOffer draft={draft} onChange={onChange} />
      <ListEditor
        label={m["list.tags"]}
        hint={m["list.tagsHint"]}
        values={draft.tags}
        errors={problems["tags"]}
        onChange={(tags) => onChange({ tags })}
      />
      <KeysEditor draft={draft} errors={problems["keys"]} onChange={onChange} />
    </section>
  );
}

/** What was probably meant, one click away. */
function BaseUrlOffer({ draft, onChange }: Pick<FormProps, "draft" | "onChange">) {
  const url = suggestedBaseUrl(draft.provider, draft.base_url);
  return (
    <div class="offer" aria-live="polite">
      {url !== null && (
        <button
          type="button"
          class="button button--small"
          onClick={() => onChange({ base_url: url })}
        >
          {t.value["form.useBaseUrl"](url)}
        </button>
      )}
    </div>
  );
}

function Models({ draft, stored, problems, onChange }: FormProps) {
  const m = t.value;
  const isPicking = useSignal(false);
  const isNowhere = draft.base_url.trim() === "";
  return (
    <section class="card section">
      <h2>{m["channels.models"]}</h2>
      {draft.provider === "azure" && (
        <>
          <MapEditor
            label={m["form.deployments"]}
            hint={m["form.deploymentsHint"]}
            nameLabel={m["form.model"]}
            valueLabel={m["form.deployment"]}
            pairs={draft.deployments}
            errors={problems["azure"]}
            onChange={(deployments) => onChange({ deployments })}
          />
          <TextField
            label={m["form.apiVersion"]}
            hint={m["form.apiVersionHint"]}
            code
            value={draft.api_version}
            onChange={(api_version) => onChange({ api_version })}
          />
        </>
      )}
      <ListEditor
        label={m["form.models"]}
        hint={m["form.modelsHint"]}
        values={draft.models}
        errors={problems["models"]}
        onChange={(models) => onChange({ models })}
      >
        <button
          type="button"
          class="button"
          aria-disabled={isNowhere}
          title={isNowhere ? m["form.fetchNeeds"] : undefined}
          onClick={() => {
            isPicking.value = !isNowhere;
          }}
        >
          <Icon name="pick" />
          {m["form.fetch"]}
        </button>
      </ListEditor>
      {isPicking.value && (
        <PickModels
          question={modelsQuestion(draft, stored?.id ?? null)}
          picked={draft.models}
          onPick={(models) => {
            isPicking.value = false;
            onChange({ models });
          }}
          onClose={() => {
            isPicking.value = false;
          }}
        />
      )}
    </section>
  );
}

function Traffic({ draft, problems, onChange }: FormProps) {
  const m = t.value;
  return (
    <section class="card section">
      <h2>{m["form.traffic"]}</h2>
      <div class="columns">
        <TextField
          label={m["form.priority"]}
          hint={m["form.priorityHint"](ChannelCreateFields.priority.maximum)}
          type="number"
          value={draft.priority}
          errors={problems["priority"]}
          onChange={(priority) => onChange({ priority })}
        />
        <TextField
          label={m["form.weight"]}
          hint={m["form.weightHint"](ChannelCreateFields.weight.maximum)}
          type="number"
          value={draft.weight}
          errors={problems["weight"]}
          onChange={(weight) => onChange({ weight })}
        />
      </div>
      <Switch
        label={m["channels.enabled"]}
        checked={draft.enabled}
        onChange={(enabled) => onChange({ enabled })}
      />
    </section>
  );
}

function Parameters({ draft, problems, onChange }: Omit<FormProps, "stored">) {
  const m = t.value;
  return (
    <>
      <MapEditor
        label={m["form.renameParams"]}
        hint={m["form.renameParamsHint"]}
        nameLabel={m["form.asked"]}
        valueLabel={m["form.sent"]}
        pairs={draft.rename_params}
        errors={problems["rename_params"]}
        onChange={(rename_params) => onChange({ rename_params })}
      />
      <ListEditor
        label={m["form.dropParams"]}
        hint={m["form.dropParamsHint"]}
        values={draft.drop_params}
        errors={problems["drop_params"]}
        onChange={(drop_params) => onChange({ drop_params })}
      />
      <MapEditor
        label={m["form.defaultParams"]}
        hint={m["form.defaultParamsHint"]}
        nameLabel={m["form.parameter"]}
        valueLabel={m["form.value"]}
        pairs={draft.default_params}
        errors={problems["default_params"]}
        onChange={(default_params) => onChange({ default_params })}
      />
    </>
  );
}

function UpstreamTraits({ draft, problems, onChange }: Omit<FormProps, "stored">) {
  const m = t.value;
  return (
    <>
      <ListEditor
        label={m["form.dialects"]}
        hint={m["form.dialectsHint"]}
        values={draft.dialects}
        errors={problems["dialects"]}
        onChange={(dialects) => onChange({ dialects })}
      />
      <MapEditor
        label={m["form.quirks"]}
        hint={m["form.quirksHint"]}
        nameLabel={m["form.quirk"]}
        valueLabel={m["form.value"]}
        pairs={draft.quirks}
        errors={problems["quirks"]}
        onChange={(quirks) => onChange({ quirks })}
      />
      <Switch
        label={m["form.streamUsage"]}
        checked={draft.stream_usage}
        onChange={(stream_usage) => onChange({ stream_usage })}
      />
    </>
  );
}

function Advanced({ draft, problems, onChange }: FormProps) {
  const m = t.value;
  const isWrong = ADVANCED.some((field) => problems[field] !== undefined);
  const isOpen = useSignal(false);
  useEffect(() => {
    if (isWrong) {
      isOpen.value = true;
    }
  }, [isWrong]);
  return (
    <details
      class="card advanced"
      open={isOpen.value || isWrong}
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
    >
      <summary>
        <Icon name="down" />
        {m["form.advanced"]}
        <span class="muted">{m["form.advancedText"]}</span>
      </summary>
      <div class="section">
        <MapEditor
          label={m["form.modelMap"]}
          hint={m["form.modelMapHint"]}
          nameLabel={m["form.asked"]}
          valueLabel={m["form.sent"]}
          pairs={draft.model_map}
          errors={problems["model_map"]}
          onChange={(model_map) => onChange({ model_map })}
        />
        <MapEditor
          label={m["form.headers"]}
          hint={m["form.headersHint"]}
          nameLabel={m["form.header"]}
          valueLabel={m["form.value"]}
          pairs={draft.headers}
          errors={problems["headers"]}
          onChange={(headers) => onChange({ headers })}
        />
        <Parameters draft={draft} problems={problems} onChange={onChange} />
        <UpstreamTraits draft={draft} problems={problems} onChange={onChange} />
        <div class="columns">
          {NUMBER_SETTINGS.map((name) => (
            <TextField
              key={name}
              {...wordsOf(name, language.value)}
              type="number"
              value={draft[name]}
              errors={problems[name]}
              onChange={(value) => onChange({ [name]: value })}
            />
          ))}
        </div>
        <div class="stack stack--tight">
          <h3>{m["prices.title"]}</h3>
          <p class="field__hint">{m["prices.channelText"]}</p>
          <PricesEditor
            label={m["prices.title"]}
            rows={draft.prices}
            errors={problems["prices"]}
            onChange={(prices) => onChange({ prices })}
          />
        </div>
      </div>
    </details>
  );
}
