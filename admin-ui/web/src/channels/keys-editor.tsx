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
import { Until } from "./until";
import { stateText, troubleText } from "./verdict";

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

type KeyCall = ChannelStatus["keys"][number];

/** How the last call of each key ended, as far as the gateway says. */
function useLastCalls(hasKeys: boolean): (id: string) => KeyCall | undefined {
  const known = useSignal<ReadonlyMap<string, KeyCall>>(new Map());
  useEffect(() => {
    async function load() {
      const answer = await status();
      if (answer.ok) {
        const keys = answer.value.data.flatMap((channel) => channel.keys);
        known.value = new Map(keys.map((key) => [key.id, key]));
      }
    }
    if (hasKeys) {
      void load();
    }
  }, [hasKeys]);
  return (id) => known.value.get(id);
}

/** When and why it failed, and when it last worked. */
function reasonOf(key: KeyCall): string {
  const worked = key.last_success_at;
  return [
    key.status === "failed" && troubleText({ ...key, name: null }),
    worked !== null && t.value["health.worked"](formatTime(worked)),
  ]
    .filter(Boolean)
    .join("\n");
}

/** A cooldown, or how its last call ended. */
function KeyHealth({ of, last }: { of: KeptKey; last: KeyCall | undefined }) {
  const m = t.value;
  const word = of.status === "ok" ? (last?.status ?? "unknown") : of.status;
  return (
    <span class="kept__state" title={(last && reasonOf(last)) || undefined}>
      <Status tone={of.enabled ? (TONES[word] ?? "warn") : "off"}>
        {of.enabled ? stateText(word) : m["key.disabled"]}
      </Status>
      {of.enabled && <Until at={of.until} />}
    </span>
  );
}

interface KeysEditorProps {
  draft: Draft;
  errors: string[] | undefined;
  onChange: (change: Partial<Draft>) => void;
}

export function KeysEditor({ draft, errors, onChange }: KeysEditorProps) {
  const m = t.value;
  const pasted = pastedKeys(draft.newKeys);
  const lastCall = useLastCalls(draft.keys.length > 0);
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
                    <KeyHealth of={key} last={lastCall(key.id)} />
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
