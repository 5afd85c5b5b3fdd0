//! The playground's conversation, and what it is held with. In memory only, so that they survive a look at another page and
//! nothing else.
import { computed, type Signal, signal } from "@preact/signals";
import { nothingYet } from "../api/answer";
import { type ChatBody, type ChatFailure, chat, type Progress } from "../api/chat";
import { requests } from "../api/client";
import type { Failure } from "../api/failure";
import type { RequestRow } from "../api/ledger";
import { bodyOf, conversation, type Question } from "./conversation";
import type { Image } from "./images";
import { withOwnKey } from "./key";
import { type Parameters, UNSET } from "./parameters";
import { readTools } from "./tools";

export const MOST_MODELS = 4;
/** The log has a request about a second after its end. */
const LOGGED_AFTER_MS = [1_200, 2_000, 4_000];

export interface AnswerState {
  progress: Progress;
  failure: ChatFailure | null;
  /** Why there is no key to ask with. */
  noKey: Failure | null;
  isRunning: boolean;
  /** What the log says of it. */
  row: RequestRow | null;
  /** Results of tools as they are being typed, by the calls' ids. */
  results: Readonly<Record<string, string>>;
}

/** One model's answer. Its state is a signal, so that a piece of one answer draws that one only. */
export interface Answer {
  /** Which of the models side by side gave it. */
  lane: number;
  sent: ChatBody;
  state: Signal<AnswerState>;
  stop: () => void;
}

export interface Turn {
  question: Question;
  answers: Answer[];
}

/** Another client key than the playground's own; empty: that one. */
export const clientKey = signal("");
/** Side by side; the first is always there. */
export const models = signal<string[]>([""]);
export const system = signal("");
export const parameters = signal<Parameters>(UNSET);
export const toolsText = signal("");
export const draft = signal("");
export const images = signal<Image[]>([]);
/** Whether answers are shown as Markdown or as they came. */
export const isMarkdown = signal(true);
export const turns = signal<Turn[]>([]);

export const isRunning = computed(() =>
  turns.value.some(({ answers }) => answers.some(({ state }) => state.value.isRunning)),
);

export function stop(): void {
  for (const { answers } of turns.value) {
    for (const answer of answers) {
      answer.stop();
    }
  }
}

export function clear(): void {
  stop();
  turns.value = [];
}

/** The answer that the model in this place has seen as its own. */
const answerIn = ({ question, answers }: Turn, lane: number): Answer | undefined =>
  answers.find((answer) => answer.lane === lane) ??
  (question.kind === "message" ? answers[0] : undefined);

const concerns = (question: Question, lane: number) =>
  question.kind === "message" || question.lane === lane;

/** What would be sent to the model in this place. */
export function requestTo(lane: number, question: Question): ChatBody {
  const said = turns.value
    .filter((turn) => concerns(turn.question, lane))
    .map((turn) => ({
      question: turn.question,
      answer: answerIn(turn, lane)?.state.value.progress ?? null,
    }));
  const messages = conversation(system.value, said, question);
  const model = (models.value[lane] ?? "").trim();
  return bodyOf(model, messages, parameters.value, readTools(toolsText.value).tools ?? []);
}

/** Asks all models, or the one that the results are for. */
export async function ask(question: Question): Promise<void> {
  const lanes = models.value.flatMap((name, lane) =>
    name.trim() !== "" && concerns(question, lane) ? [lane] : [],
  );
  const runs = lanes.map((lane) => begin(lane, requestTo(lane, question)));
  turns.value = [...turns.value, { question, answers: runs.map(({ answer }) => answer) }];
  await Promise.all(runs.map(({ run }) => run()));
}

function begin(lane: number, sent: ChatBody): { answer: Answer; run: () => Promise<void> } {
  const controller = new AbortController();
  const state = signal<AnswerState>({
    progress: nothingYet(),
    failure: null,
    noKey: null,
    isRunning: true,
    row: null,
    results: {},
  });
  const update = (change: Partial<AnswerState>) => {
    state.value = { ...state.value, ...change };
  };
  async function run() {
    const outcome = await callWithKey(sent, controller.signal, (progress) => update({ progress }));
    update({ ...outcome, isRunning: false });
    void look(state);
  }
  return { answer: { lane, sent, state, stop: () => controller.abort() }, run };
}

async function callWithKey(
  sent: ChatBody,
  signal: AbortSignal,
  report: (progress: Progress) => void,
): Promise<Pick<AnswerState, "failure" | "noKey">> {
  const other = clientKey.value.trim();
  if (other !== "") {
    return { failure: await chat(other, sent, signal, report), noKey: null };
  }
  let status: number | null = null;
  const result = await withOwnKey(
    (key) =>
      chat(key, sent, signal, (progress) => {
        status = progress.status;
        report(progress);
      }),
    () => status === 401,
    signal,
  );
  return "answer" in result
    ? { failure: result.answer, noKey: null }
    : { failure: null, noKey: result.failure };
}

/** Looks the request up in the log, which knows its cost and why it failed. */
async function look(state: Signal<AnswerState>): Promise<void> {
  const id = state.value.progress.requestId;
  if (id === null) {
    return;
  }
  for (const ms of LOGGED_AFTER_MS) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    const found = await requests({ q: id, limit: "1" });
    const row = found.ok ? found.value.data.find((one) => one.id === id) : undefined;
    if (row !== undefined) {
      state.value = { ...state.value, row };
      return;
    }
  }
}
