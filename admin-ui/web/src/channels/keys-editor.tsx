//! A channel's upstream keys: the stored ones by their hints, new ones pasted one a line.
import { Field, Switch } from "../components/fields";
import { Status, type Tone } from "../components/status";
import { t } from "../i18n";
import type { Draft, KeptKey } from "./draft";
import { stateText } from "./table";
import { Until } from "./until";

const TONES: Record<string, Tone> = { ok: "good", cooling: "warn", rejected: "bad" };

interface KeysEditorProps {
  draft: Draft;
  errors: string[] | undefined;
  onChange: (change: Partial<Draft>) => void;
}

export function KeysEditor({ draft, errors, onChange }: KeysEditorProps) {
  const m = t.value;
  function edit(id: string, change: Partial<KeptKey>) {
    onChange({ keys: draft.keys.map((key) => (key.id === id ? { ...key, ...change } : key)) });
  }
  return (
    <>
      {draft.keys.length > 0 && (
        <Field label={m["form.storedKeys"]} group>
          {() => (
            <ul class="kept">
              {draft.keys.map((key) => (
                <li key={key.id} class={key.removed ? "kept__row kept__row--gone" : "kept__row"}>
                  <code>{key.hint}</code>
                  {key.removed ? (
                    <span class="muted kept__state">{m["form.keyGoes"]}</span>
                  ) : (
                    <span class="kept__state">
                      <Status tone={key.enabled ? (TONES[key.status] ?? "warn") : "off"}>
                        {key.enabled ? stateText(key.status) : m["key.disabled"]}
                      </Status>
                      {key.enabled && <Until at={key.until} />}
                    </span>
                  )}
                  {!key.removed && (
                    <Switch
                      label={m["form.keyEnabled"](key.hint)}
                      quiet
                      checked={key.enabled}
                      onChange={(enabled) => edit(key.id, { enabled })}
                    />
                  )}
                  <button
                    type="button"
                    class="button button--small"
                    onClick={() => edit(key.id, { removed: !key.removed })}
                  >
                    {key.removed ? m["form.keepKey"] : m["form.removeKey"]}
                    <span class="visually-hidden"> {key.hint}</span>
                  </button>
                </li>
              ))}
            </ul>
          )}
        </Field>
      )}
      <Field
        label={draft.keys.length > 0 ? m["form.moreKeys"] : m["form.keys"]}
        hint={m["form.keysHint"]}
        errors={errors}
      >
        {(ties) => (
          <textarea
            {...ties}
            class="input input--code"
            rows={3}
            value={draft.newKeys}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            onInput={(event) => onChange({ newKeys: event.currentTarget.value })}
          />
        )}
      </Field>
    </>
  );
}
