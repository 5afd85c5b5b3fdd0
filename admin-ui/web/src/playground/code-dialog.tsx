//! A request as code, to take away.
import { signal, useSignal } from "@preact/signals";
import type { ChatBody } from "../api/chat";
import { Snippet } from "../components/copy";
import { CloseButton, Dialog } from "../components/dialog";
import { Segments } from "../components/segments";
import { t } from "../i18n/play";
import { type CodeLanguage, codeOf, LANGUAGES } from "./code";

/** The request that is shown as code. */
export const shownCode = signal<ChatBody | null>(null);

export function CodeDialog() {
  const m = t.value;
  const language = useSignal<CodeLanguage>("curl");
  const body = shownCode.value;
  if (body === null) {
    return null;
  }
  const text = codeOf(language.value, location.origin, body);
  return (
    <Dialog
      title={m["play.codeTitle"]}
      wide
      onClose={() => {
        shownCode.value = null;
      }}
    >
      <Segments
        label={m["play.code"]}
        value={language.value}
        options={LANGUAGES.map((one) => [one, m[`snippet.${one}`]] as const)}
        onChange={(next) => {
          language.value = next;
        }}
      />
      <Snippet text={text} label={m[`snippet.${language.value}`]} />
      <p class="muted">{m["play.codeHint"]}</p>
      <div class="actions actions--end">
        <CloseButton text={m["app.close"]} />
      </div>
    </Dialog>
  );
}
