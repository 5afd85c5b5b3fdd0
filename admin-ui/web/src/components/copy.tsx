//! Text to take away: shown as it is, copied by a button that says when it has.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "./icons";

const SHOWN_MS = 2_000;

export function CopyButton({ text, label }: { text: string; label: string }) {
  const state = useSignal<"idle" | "done" | "failed">("idle");
  useEffect(() => {
    if (state.value !== "idle") {
      const timer = setTimeout(() => {
        state.value = "idle";
      }, SHOWN_MS);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [state.value]);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      state.value = "done";
    } catch {
      // Without HTTPS or permission there is no clipboard; the text can still be marked.
      state.value = "failed";
    }
  }
  return (
    <button type="button" class="button button--small" onClick={copy}>
      <Icon name={state.value === "done" ? "good" : "copy"} />
      <span aria-live="polite">
        {state.value === "done"
          ? t.value["app.copied"]
          : state.value === "failed"
            ? t.value["app.copyFailed"]
            : label}
      </span>
    </button>
  );
}

export function Snippet({ text, label }: { text: string; label: string }) {
  return (
    <div class="snippet">
      <textarea
        class="snippet__text"
        aria-label={label}
        readOnly
        spellcheck={false}
        rows={text.split("\n").length}
        value={text}
        onFocus={(event) => event.currentTarget.select()}
      />
      <CopyButton text={text} label={t.value["app.copy"]} />
    </div>
  );
}
