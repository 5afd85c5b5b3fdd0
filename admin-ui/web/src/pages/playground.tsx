//! The playground: a chat through the gateway as any client would have it, with what the gateway says
//! about each answer. Model output is shown as text or as sanitised Markdown, never as HTML.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type ChatFailure, clientModels, type Progress } from "../api/chat";
import { createKey } from "../api/client";
import { FactList } from "../components/fact-list";
import { TextField } from "../components/fields";
import { Icon } from "../components/icons";
import { failureText, Notice } from "../components/notice";
import { PageHead } from "../components/page-head";
import { Segments } from "../components/segments";
import { formatCount, formatMs, t } from "../i18n";
import { RichText } from "../playground/rich-text";
import {
  ask,
  clear,
  clientKey,
  isMarkdown,
  isRunning,
  model,
  stop,
  system,
  type Turn,
  turns,
} from "../playground/state";

const KEY_LIFETIME_MS = 24 * 60 * 60 * 1000;
/** A key is typed or pasted; the list of models is requested when typing pauses. */
const SETTLE_MS = 400;
/** A new key is in force everywhere within this time. */
const IN_FORCE_MS = 2_500;

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
    </>
  );
}

function Setup() {
  const m = t.value;
  const models = useSignal<string[]>([]);
  const problem = useSignal<string | null>(null);
  const busy = useSignal(false);

  async function create() {
    busy.value = true;
    problem.value = null;
    const expires = new Date(Date.now() + KEY_LIFETIME_MS).toISOString();
    const result = await createKey({ name: t.value["play.keyName"], expires_at: expires });
    if (result.ok) {
      // Another instance may not know it sooner.
      await new Promise((resolve) => setTimeout(resolve, IN_FORCE_MS));
      clientKey.value = result.value.key;
    } else {
      problem.value = failureText(result.failure);
    }
    busy.value = false;
  }

  useEffect(() => {
    const key = clientKey.value.trim();
    problem.value = null;
    if (key === "") {
      models.value = [];
      return undefined;
    }
    let isOld = false;
    const timer = setTimeout(async () => {
      const answer = await clientModels(key);
      if (isOld) {
        return;
      }
      if (Array.isArray(answer)) {
        models.value = answer;
        model.value = model.value === "" ? (answer[0] ?? "") : model.value;
      } else {
        problem.value = answer ?? t.value["error.network"];
      }
    }, SETTLE_MS);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [clientKey.value]);

  return (
    <section class="card section play__setup" aria-label={m["play.setup"]}>
      <TextField
        label={m["play.key"]}
        hint={m["play.keyHint"]}
        type="password"
        code
        value={clientKey.value}
        errors={problem.value === null ? undefined : [problem.value]}
        onChange={(value) => {
          clientKey.value = value;
        }}
      />
      {clientKey.value === "" && (
        <button
          type="button"
          class="button"
          aria-disabled={busy.value}
          onClick={() => busy.value || create()}
        >
          <Icon name="keys" />
          {busy.value ? m["play.creating"] : m["play.create"]}
        </button>
      )}
      <TextField
        label={m["form.model"]}
        code
        list="play-models"
        value={model.value}
        onChange={(value) => {
          model.value = value;
        }}
      />
      <datalist id="play-models">
        {models.value.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <label class="field">
        <span class="field__label">{m["play.system"]}</span>
        <textarea
          class="input"
          rows={3}
          value={system.value}
          onInput={(event) => {
            system.value = event.currentTarget.value;
          }}
        />
      </label>
    </section>
  );
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
            <p class="turns__question">{turn.question}</p>
            <Answer turn={turn} />
          </li>
        ))}
      </ol>
      <div ref={end} />
    </>
  );
}

function Answer({ turn }: { turn: Turn }) {
  const m = t.value;
  const { progress, failure } = turn;
  return (
    <div class="turns__answer">
      {isMarkdown.value && progress !== null && progress.text !== "" ? (
        <RichText text={progress.text} busy={turn.isRunning} />
      ) : (
        <p class="turns__text" aria-busy={turn.isRunning}>
          {progress?.text}
        </p>
      )}
      {turn.isRunning && (progress?.text ?? "") === "" && (
        <p class="muted" role="status">
          {m["play.waiting"](turn.model)}
        </p>
      )}
      {failure !== null && <Trouble failure={failure} progress={progress} />}
      {progress !== null && !turn.isRunning && <Facts progress={progress} />}
    </div>
  );
}

function Trouble({ failure, progress }: { failure: ChatFailure; progress: Progress | null }) {
  const m = t.value;
  switch (failure.kind) {
    case "stopped":
      return <p class="muted">{m["play.stopped"]}</p>;
    case "network":
      return <Notice tone="bad">{m["error.network"]}</Notice>;
    case "reported": {
      const isHead = progress?.status !== 200;
      return (
        <Notice
          tone="bad"
          title={isHead ? m["play.refused"](progress?.status ?? 0) : m["play.broke"]}
        >
          <p class="pre">{progress?.error}</p>
        </Notice>
      );
    }
  }
}

function Facts({ progress }: { progress: Progress }) {
  const m = t.value;
  const facts: [string, string | null][] = [
    [m["play.channel"], progress.channel],
    [m["play.attempts"], progress.attempts],
    [m["play.firstToken"], progress.firstTokenMs === null ? null : formatMs(progress.firstTokenMs)],
    [m["play.total"], progress.totalMs === null ? null : formatMs(progress.totalMs)],
    [m["play.tokens"], tokens(progress)],
    [m["play.request"], progress.requestId],
  ];
  return <FactList of={facts} kind="facts--small" />;
}

function tokens({ promptTokens, completionTokens }: Progress): string | null {
  return promptTokens === null && completionTokens === null
    ? null
    : t.value["play.tokensInOut"](
        promptTokens === null ? "–" : formatCount(promptTokens),
        completionTokens === null ? "–" : formatCount(completionTokens),
      );
}

function Composer() {
  const m = t.value;
  const question = useSignal("");
  const missing = useSignal<string | null>(null);
  const busy = isRunning();

  function send(event: Event) {
    event.preventDefault();
    if (busy) {
      return;
    }
    missing.value =
      clientKey.value.trim() === ""
        ? m["play.needKey"]
        : model.value.trim() === ""
          ? m["play.needModel"]
          : null;
    if (missing.value !== null || question.value.trim() === "") {
      return;
    }
    const text = question.value;
    question.value = "";
    void ask(text);
  }

  return (
    <form class="composer" onSubmit={send}>
      <textarea
        class="input"
        rows={2}
        aria-label={m["play.message"]}
        placeholder={m["play.placeholder"]}
        value={question.value}
        onInput={(event) => {
          question.value = event.currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            send(event);
          }
        }}
      />
      {busy ? (
        // Two buttons, not one that changes its colours.
        <button key="stop" type="button" class="button" onClick={stop}>
          <Icon name="stop" />
          {m["play.stop"]}
        </button>
      ) : (
        <button key="send" type="submit" class="button button--primary">
          <Icon name="send" />
          {m["play.send"]}
        </button>
      )}
      {missing.value !== null && (
        <p class="field__error" role="alert">
          {missing.value}
        </p>
      )}
    </form>
  );
}
