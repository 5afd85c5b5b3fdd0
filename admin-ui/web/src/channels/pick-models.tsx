//! The upstream's own list of models, to pick from.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { upstreamModels } from "../api/client";
import type { Failure } from "../api/failure";
import { CloseButton, Dialog } from "../components/dialog";
import { TextField } from "../components/fields";
import { FailureNotice } from "../components/notice";
import { Unsaved } from "../components/unsaved";
import { t } from "../i18n";
import { isSame } from "../unsaved";

interface PickProps {
  /** Whom to ask, as `modelsQuestion` has it. */
  question: unknown;
  picked: string[];
  onPick: (models: string[]) => void;
  onClose: () => void;
}

export function PickModels({ question, picked, onPick, onClose }: PickProps) {
  const m = t.value;
  const models = useSignal<string[] | null>(null);
  const failure = useSignal<Failure | null>(null);
  const filter = useSignal("");
  const chosen = useSignal<ReadonlySet<string>>(new Set(picked));

  async function load() {
    failure.value = null;
    const result = await upstreamModels(question);
    if (result.ok) {
      models.value = result.value;
    } else {
      failure.value = result.failure;
    }
  }
  useEffect(() => {
    void load();
  }, []);

  // What was named before stays to be seen, also where the upstream does not list it.
  const offered = models.value ?? [];
  const all = [...offered, ...picked.filter((name) => !offered.includes(name))];
  const shown = all.filter((name) =>
    name.toLowerCase().includes(filter.value.trim().toLowerCase()),
  );
  function set(names: string[], isChosen: boolean) {
    const next = new Set(chosen.value);
    for (const name of names) {
      if (isChosen) {
        next.add(name);
      } else {
        next.delete(name);
      }
    }
    chosen.value = next;
  }
  return (
    <Dialog title={m["pick.title"]} onClose={onClose}>
      <Unsaved when={!isSame([...chosen.value].sort(), [...new Set(picked)].sort())} />
      <FailureNotice failure={failure.value} title={m["pick.failed"]} onRetry={load} />
      {models.value === null && failure.value === null && (
        <p class="muted" role="status">
          {m["pick.loading"]}
        </p>
      )}
      {models.value !== null && (
        <>
          <TextField
            label={m["pick.filter"]}
            value={filter.value}
            onChange={(value) => {
              filter.value = value;
            }}
          />
          <div class="actions">
            <button type="button" class="button button--small" onClick={() => set(shown, true)}>
              {m["pick.all"]}
            </button>
            <button type="button" class="button button--small" onClick={() => set(shown, false)}>
              {m["pick.none"]}
            </button>
            <span class="muted" role="status">
              {m["pick.count"](chosen.value.size, models.value.length)}
            </span>
          </div>
          <fieldset class="pick">
            <legend class="visually-hidden">{m["pick.title"]}</legend>
            {shown.map((name) => (
              <label key={name} class="check">
                <input
                  type="checkbox"
                  checked={chosen.value.has(name)}
                  onChange={(event) => set([name], event.currentTarget.checked)}
                />
                <code>{name}</code>
              </label>
            ))}
            {shown.length === 0 && <p class="muted">{m["pick.nothing"]}</p>}
          </fieldset>
        </>
      )}
      <div class="actions actions--end">
        <CloseButton />
        {models.value !== null && (
          <button
            type="button"
            class="button button--primary"
            onClick={() => onPick([...chosen.value])}
          >
            {m["pick.take"]}
          </button>
        )}
      </div>
    </Dialog>
  );
}
