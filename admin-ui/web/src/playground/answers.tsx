//! The answers to one message, side by side: text, calls of tools, what went wrong, and the figures.
import type { Progress } from "../api/chat";
import { FactList } from "../components/fact-list";
import { Icon } from "../components/icons";
import { Link } from "../components/link";
import { failureText, Notice } from "../components/notice";
import { formatCount, formatMs, formatUsd, word } from "../i18n";
import { t } from "../i18n/play";
import { Calls } from "./calls";
import { shortened } from "./code";
import { shownCode } from "./code-dialog";
import { Folded } from "./folded";
import { RichText } from "./rich-text";
import { type Answer, type AnswerState, isMarkdown, type Turn } from "./state";

interface AnswersProps {
  of: Turn;
  /** Whether nothing was said since to the model in this place. */
  isLast: (lane: number) => boolean;
}

export function Answers({ of, isLast }: AnswersProps) {
  const isOne = of.answers.length === 1;
  return (
    <div class={isOne ? "turns__answers" : "turns__answers turns__answers--many"}>
      {of.answers.map((answer) => (
        <OneAnswer key={answer.lane} of={answer} isAlone={isOne} isLast={isLast(answer.lane)} />
      ))}
    </div>
  );
}

interface OneAnswerProps {
  of: Answer;
  isAlone: boolean;
  isLast: boolean;
}

function OneAnswer({ of, isAlone, isLast }: OneAnswerProps) {
  const m = t.value;
  const state = of.state.value;
  const { progress, isRunning } = state;
  const { model } = of.sent;
  return (
    <article class="turns__answer" aria-label={model}>
      {!isAlone && (
        <div class="turns__model">
          <code>{model}</code>
          {isRunning && (
            <button type="button" class="button button--small" onClick={of.stop}>
              <Icon name="stop" />
              {m["play.stopOne"](model)}
            </button>
          )}
        </div>
      )}
      {progress.reasoning !== "" && (
        <Folded title={m["play.reasoning"]}>
          <p class="turns__text muted">{progress.reasoning}</p>
        </Folded>
      )}
      {isMarkdown.value && progress.text !== "" ? (
        <RichText text={progress.text} busy={isRunning} />
      ) : (
        <p class="turns__text" aria-busy={isRunning}>
          {progress.text}
        </p>
      )}
      {isRunning && progress.text === "" && (
        <p class="muted" role="status">
          {m["play.waiting"](model)}
        </p>
      )}
      {progress.calls.length > 0 && <Calls of={of} isLast={isLast} />}
      {!isRunning && <Trouble of={state} />}
      {!isRunning && <Facts of={state} />}
      {!isRunning && progress.status !== null && <Behind of={of} />}
    </article>
  );
}

/** What went wrong, why, and where more is known of it. */
function Trouble({ of: { failure, noKey, progress, row } }: { of: AnswerState }) {
  const m = t.value;
  if (noKey !== null) {
    return (
      <Notice tone="bad" title={m["play.noKey"]}>
        <p>{failureText(noKey)}</p>
      </Notice>
    );
  }
  switch (failure?.kind) {
    case undefined:
      return null;
    case "stopped":
      return <p class="muted">{m["play.stopped"]}</p>;
    case "network":
      return <Notice tone="bad">{m["error.network"]}</Notice>;
    case "reported": {
      const isHead = progress.status !== 200;
      return (
        <Notice
          tone="bad"
          title={isHead ? m["play.refused"](progress.status ?? 0) : m["play.broke"]}
        >
          {row?.reason != null && <p>{word("why", row.reason)}</p>}
          <p class="pre">{progress.error}</p>
        </Notice>
      );
    }
  }
}

function Facts({ of: { progress, row } }: { of: AnswerState }) {
  const m = t.value;
  const { channel, attempts, firstTokenMs, totalMs, requestId } = progress;
  return (
    <FactList
      kind="facts--small"
      of={[
        [m["play.channel"], channel],
        [m["play.attempts"], attempts],
        [m["play.firstToken"], firstTokenMs === null ? null : formatMs(firstTokenMs)],
        [m["play.total"], totalMs === null ? null : formatMs(totalMs)],
        [m["play.tokens"], tokens(progress)],
        [
          m["play.cost"],
          row === null || row.cost_micro_usd === 0 ? null : formatUsd(row.cost_micro_usd),
        ],
        [
          m["play.request"],
          requestId === null ? null : (
            <Link key="request" page="requests" item={requestId} class="table__link">
              {requestId}
            </Link>
          ),
        ],
      ]}
    />
  );
}

function tokens({ promptTokens, completionTokens }: Progress): string | null {
  return promptTokens === null && completionTokens === null
    ? null
    : t.value["play.tokensInOut"](
        promptTokens === null ? "–" : formatCount(promptTokens),
        completionTokens === null ? "–" : formatCount(completionTokens),
      );
}

/** The request as code, and both sides as they were. */
function Behind({ of }: { of: Answer }) {
  const m = t.value;
  return (
    <div class="turns__behind">
      <button
        type="button"
        class="button button--small"
        onClick={() => {
          shownCode.value = of.sent;
        }}
      >
        {m["play.code"]}
      </button>
      <Folded title={m["play.raw"]}>
        <Raw label={m["play.rawRequest"]} text={JSON.stringify(shortened(of.sent), null, 2)} />
        <Raw label={m["play.rawAnswer"]} text={of.state.value.progress.raw} />
      </Folded>
    </div>
  );
}

function Raw({ label, text }: { label: string; text: string }) {
  return (
    <figure class="play__raw">
      <figcaption class="muted">{label}</figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard */}
      <pre tabIndex={0}>{text}</pre>
    </figure>
  );
}
