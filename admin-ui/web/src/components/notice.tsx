//! A message in the flow of the page. Bad news is announced at once, the rest when it suits.
import type { ComponentChildren } from "preact";
import type { Failure } from "../api/failure";
import { t } from "../i18n";
import { CrossIcon, InfoIcon } from "./icons";

interface NoticeProps {
  tone: "info" | "bad";
  title?: string;
  id?: string;
  children?: ComponentChildren;
}

export function Notice({ tone, title, id, children }: NoticeProps) {
  return (
    <div class={`notice notice--${tone}`} role={tone === "bad" ? "alert" : "status"} id={id}>
      {tone === "bad" ? <CrossIcon /> : <InfoIcon />}
      <div>
        {title !== undefined && <p class="notice__title">{title}</p>}
        {children}
      </div>
    </div>
  );
}

/** A failure as a sentence in the reader's language. */
export function failureText(failure: Failure): string {
  switch (failure.kind) {
    case "network":
      return t.value["error.network"];
    case "unexpected":
      return t.value["error.unexpected"];
    case "refused":
      return t.value["error.status"](failure.status, failure.message);
  }
}
