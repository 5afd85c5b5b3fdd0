//! A message in the flow of the page. Bad news is announced at once, the rest when it suits.
import type { ComponentChildren } from "preact";
import type { Failure } from "../api/failure";
import { t } from "../i18n";
import { problemText } from "../i18n/problems";
import { Icon } from "./icons";

interface NoticeProps {
  tone: "info" | "good" | "bad";
  title?: string;
  id?: string;
  children?: ComponentChildren;
}

export function Notice({ tone, title, id, children }: NoticeProps) {
  return (
    <div class={`notice notice--${tone}`} role={tone === "bad" ? "alert" : "status"} id={id}>
      <Icon name={tone} />
      <div class="notice__text">
        {title !== undefined && <p class="notice__title">{title}</p>}
        {children}
      </div>
    </div>
  );
}

/** A failure with a way to try again. */
export function FailureNotice({
  failure,
  title,
  onRetry,
}: {
  failure: Failure | null;
  title: string;
  onRetry?: () => void;
}) {
  if (failure === null) {
    return null;
  }
  return (
    <Notice tone="bad" title={title}>
      <p>{failureText(failure)}</p>
      {onRetry !== undefined && (
        <button type="button" class="button button--small notice__action" onClick={onRetry}>
          {t.value["app.retry"]}
        </button>
      )}
    </Notice>
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
      return t.value["error.status"](failure.status, refusal(failure));
  }
}

/** What is wrong with single values in the reader's language, else the gateway's sentence. */
function refusal({ problems, message }: Failure & { kind: "refused" }): string {
  return problems.length === 0
    ? message
    : problems.map((problem) => `${problem.path} ${problemText(problem)}`.trim()).join("; ");
}
