//! A channel's upstream keys: the stored ones by their hints, new ones as they are pasted.
import { Field, Switch } from "../components/fields";
import { Status, type Tone } from "../components/status";
import { t } from "../i18n";
import type { Draft, KeptKey } from "./draft";
import { pastedKeys } from "./pasted-keys";
import { stateText } from "./table";
import { Until } from "./until";

/** What was taken for no key is shown, as far as it helps to find it. */
const OTHERS_SHOWN = 5;
const TONES: Record<string, Tone> = { ok: "good", cooling: "warn", rejected: "bad" };

interface KeysEditorProps {
  draft: Draft;
  errors: string[] | undefined;
  onChange: (change: Partial<Draft>) => void;
}

export function KeysEditor({ draft, errors, onChange }: KeysEditorProps) {
  const m = t.value;
  const pasted = pastedKeys(draft.newKeys);
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
        hint={
          <>
            {m["form.keysHint"]}
            {draft.newKeys.trim() !== "" && (
              <strong class="keys__count">
                {m["form.keysPasted"](pasted.keys.length, pasted.duplicates, pasted.others.length)}
              </strong>
            )}
            {pasted.others.length > 0 && (
              <span class="keys__others">{pasted.others.slice(0, OTHERS_SHOWN).join(" · ")}</span>
            )}
          </>
        }
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
