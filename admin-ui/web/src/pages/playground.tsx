//! The playground: a chat through the gateway as any client would have it, with up to four models side by side and what
//! the gateway says about each answer. Model output is shown as text or as sanitised Markdown, never as HTML.
import "../design/playground.css";
import { useEffect, useRef } from "preact/hooks";
import type { ChatBody } from "../api/chat";
import { PageHead } from "../components/page-head";
import { Segments } from "../components/segments";
import { t } from "../i18n/play";
import { Answers } from "../playground/answers";
import { CodeDialog, shownCode } from "../playground/code-dialog";
import { Composer } from "../playground/composer";
import type { Question } from "../playground/conversation";
import { Setup } from "../playground/setup";
import { clear, draft, images, isMarkdown, requestTo, turns } from "../playground/state";
import { Thumbnails } from "../playground/thumbnails";

export function PlaygroundPage() {
  const m = t.value;
  return (
    <>
      <PageHead title={m["nav.playground"]} intro={m["play.intro"]}>
        <Segments
          label={m["play.format"]}
          value={isMarkdown.value ? "markdown" : "plain"}
          options={[
            ["markdown", m["play.markdown"]],
            ["plain", m["play.plain"]],
          ]}
          onChange={(format) => {
            isMarkdown.value = format === "markdown";
          }}
        />
        <button
          type="button"
          class="button"
          onClick={() => {
            shownCode.value = nextRequest();
          }}
        >
          {m["play.code"]}
        </button>
        {turns.value.length > 0 && (
          <button type="button" class="button" onClick={clear}>
            {m["play.clear"]}
          </button>
        )}
      </PageHead>
      <div class="play">
        <Setup />
        <section class="card play__chat" aria-label={m["play.conversation"]}>
          <h2 class="visually-hidden">{m["play.conversation"]}</h2>
          <Conversation />
          <Composer />
        </section>
      </div>
      <CodeDialog />
    </>
  );
}

/** What would be sent now; where nothing is written, what was sent last. */
function nextRequest(): ChatBody {
  const isEmpty = draft.value.trim() === "" && images.value.length === 0;
  const last = turns.value.at(-1)?.answers[0]?.sent;
  return isEmpty && last !== undefined
    ? last
    : requestTo(0, { kind: "message", text: draft.value || "Hello", images: images.value });
}

function Conversation() {
  const m = t.value;
  const end = useRef<HTMLDivElement>(null);
  const count = turns.value.length;
  useEffect(() => {
    if (count > 0) {
      end.current?.scrollIntoView({ block: "nearest" });
    }
  }, [count]);
  if (count === 0) {
    return (
      <div class="state">
        <p>{m["play.empty"]}</p>
      </div>
    );
  }
  return (
    <>
      <ol class="turns">
        {turns.value.map((turn, index) => (
          <li class="turns__turn" key={index}>
            <Asked question={turn.question} />
            <Answers of={turn} isLast={isLastFor(index)} />
          </li>
        ))}
      </ol>
      <div ref={end} />
    </>
  );
}

/** Whether all that was said since this turn are results of other models' tools. */
const isLastFor = (index: number) => (lane: number) =>
  turns.value
    .slice(index + 1)
    .every(({ question }) => question.kind === "results" && question.lane !== lane);

function Asked({ question }: { question: Question }) {
  if (question.kind === "message") {
    return (
      <div class="turns__question">
        <Thumbnails of={question.images} />
        {question.text}
      </div>
    );
  }
  return (
    <div class="turns__question turns__question--results">
      {question.results.map(({ call, text }) => (
        <p key={call.id}>
          <strong>{t.value["play.result"](call.name)}</strong> {text}
        </p>
      ))}
    </div>
  );
}
