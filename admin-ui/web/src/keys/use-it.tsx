//! Examples for a client key, one for each program.
import { useSignal } from "@preact/signals";
import { Snippet } from "../components/copy";
import { t } from "../i18n";
import { SNIPPETS, type SnippetName, snippet } from "./snippets";

interface UseItProps {
  /** As it is written into the examples. */
  secret: string;
  model: string;
}

export function UseIt({ secret, model }: UseItProps) {
  const m = t.value;
  const shown = useSignal<SnippetName>("environment");
  return (
    <>
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
      <Snippet
        text={snippet(shown.value, location.origin, secret, model)}
        label={m[`snippet.${shown.value}`]}
      />
    </>
  );
}
