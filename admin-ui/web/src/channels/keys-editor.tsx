//! A channel's upstream keys: the stored ones by their hints, new ones as they are pasted.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { status } from "../api/client";
import type { ChannelStatus } from "../api/types";
import { Field, Switch } from "../components/fields";
import { Status, type Tone } from "../components/status";
import { formatTime, t } from "../i18n";
import type { Draft, KeptKey } from "./draft";
import { pastedKeys } from "./pasted-keys";
import { stateText, troubleText } from "./table";
import { Until } from "./until";

/** What was taken for no key is shown, as far as it helps to find it. */
const OTHERS_SHOWN = 5;
const TONES: Record<string, Tone> = {
  ok: "good",
  unused: "off",
  unknown: "off",
  failed: "bad",
  cooling: "warn",
  rejected: "bad",
};

/** When and why each key failed, or when it last worked, as far as the gateway says. */
function useReasons(hasKeys: boolean): (id: string) => string | undefined {
  const known = useSignal<ReadonlyMap<string, string>>(new Map());
  useEffect(() => {
    async function load() {
      const answer = await status();
      if (answer.ok) {
        const keys = answer.value.data.flatMap((channel) => channel.keys);
        known.value = new Map(keys.map((key) => [key.id, reasonOf(key)]));
      }
    }
    if (hasKeys) {
      void load();
    }
  }, [hasKeys]);
  return (id) => known.value.get(id) || undefined;
}

function reasonOf(key: ChannelStatus["keys"][number]): string {
  const worked = key.last_success_at;
  return [
    key.status === "failed" && troubleText({ ...key, name: null }),
    worked !== null && t.value["health.worked"](formatTime(worked)),
  ]
    .filter(Boolean)
    .join("\n");
}

interface KeysEditorProps {
  draft: Draft;
  errors: string[] | undefined;
  onChange: (change: Partial<Draft>) => void;
}

export function KeysEditor({ draft, errors, onChange }: KeysEditorProps) {
  const m = t.value;
  const pasted = pastedKeys(draft.newKeys);
  const whyOf = useReasons(draft.keys.length > 0);
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
                    <span class="kept__state" title={whyOf(key.id)}>
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
