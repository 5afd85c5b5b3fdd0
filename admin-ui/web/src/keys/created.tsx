//! The one moment at which a client key is on the screen.
import { useSignal } from "@preact/signals";
import type { CreatedKey } from "../api/types";
import { Snippet } from "../components/copy";
import { Dialog } from "../components/dialog";
import { t } from "../i18n";
import { SNIPPETS, type SnippetName, snippet } from "./snippets";

interface CreatedProps {
  created: CreatedKey;
  /** For the examples. */
  model: string;
  onClose: () => void;
}

export function Created({ created, model, onClose }: CreatedProps) {
  const m = t.value;
  const shown = useSignal<SnippetName>("environment");
  const text = snippet(shown.value, location.origin, created.key, model);
  return (
    <Dialog title={m["clients.createdTitle"](created.name)} onClose={onClose} wide>
      <p>{m["clients.createdText"]}</p>
      <Snippet text={created.key} label={m["clients.key"]} />
      <h3>{m["clients.use"]}</h3>
      <fieldset class="segments">
        <legend class="visually-hidden">{m["clients.use"]}</legend>
        {SNIPPETS.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={shown.value === name}
            onClick={() => {
              shown.value = name;
            }}
          >
            {m[`snippet.${name}`]}
          </button>
        ))}
      </fieldset>
      <Snippet text={text} label={m[`snippet.${shown.value}`]} />
      <div class="actions actions--end">
        <button type="button" class="button button--primary" onClick={onClose}>
          {m["clients.done"]}
        </button>
      </div>
    </Dialog>
  );
}
