//! The playground's conversation and key. In memory only, so that they survive a look at another
//! page and nothing else.
import { signal } from "@preact/signals";
import { type ChatFailure, chat, type Message, type Progress } from "../api/chat";

export interface Turn {
  question: string;
  model: string;
  progress: Progress | null;
  failure: ChatFailure | null;
  isRunning: boolean;
}

export const clientKey = signal("");
export const model = signal("");
export const system = signal("");
/** Whether answers are shown as Markdown or as they came. */
export const isMarkdown = signal(true);
export const turns = signal<Turn[]>([]);

let running: AbortController | null = null;

export function isRunning(): boolean {
  return turns.value.some((turn) => turn.isRunning);
}

export function stop(): void {
  running?.abort();
}

export function clear(): void {
  stop();
  turns.value = [];
}

export async function ask(question: string): Promise<void> {
  const controller = new AbortController();
  running = controller;
  const messages = conversation(system.value, turns.value, question);
  const turn: Turn = {
    question,
    model: model.value.trim(),
    progress: null,
    failure: null,
    isRunning: true,
  };
  let current = turn;
  turns.value = [...turns.value, turn];
  function update(change: Partial<Turn>) {
    const next = { ...current, ...change };
    turns.value = turns.value.map((one) => (one === current ? next : one));
    current = next;
  }
  const failure = await chat(
    clientKey.value.trim(),
    turn.model,
    messages,
    controller.signal,
    (progress) => update({ progress }),
  );
  update({ failure, isRunning: false });
}

/** What was said so far; an answer that failed is no part of it. */
export function conversation(instructions: string, said: Turn[], question: string): Message[] {
  const messages: Message[] = [];
  if (instructions.trim() !== "") {
    messages.push({ role: "system", content: instructions });
  }
  for (const turn of said) {
    const answer = turn.progress?.text ?? "";
    if (answer !== "") {
      messages.push({ role: "user", content: turn.question });
      messages.push({ role: "assistant", content: answer });
    }
  }
  messages.push({ role: "user", content: question });
  return messages;
}
