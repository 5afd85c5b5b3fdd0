//! What was said, and what of it a model is sent. Pure.
import type { ChatBody, Message, Part, Progress, ToolCall } from "../api/chat";
import type { Image } from "./images";
import { membersOf, type Parameters } from "./parameters";

/** What a turn begins with: a message to all models, or what one model's tools gave. */
export type Question =
  | { kind: "message"; text: string; images: Image[] }
  | { kind: "results"; lane: number; results: ToolResult[] };

export interface ToolResult {
  call: ToolCall;
  text: string;
}

/** What is said so far of one model's answer. */
export interface Said {
  question: Question;
  answer: Pick<Progress, "text" | "calls"> | null;
}

/** An answer that failed is no part of it, and a call without its result neither: no model would accept it. */
export function conversation(instructions: string, said: Said[], question: Question): Message[] {
  const messages: Message[] = [];
  if (instructions.trim() !== "") {
    messages.push({ role: "system", content: instructions });
  }
  for (const [index, { question: asked, answer }] of said.entries()) {
    const next = said[index + 1]?.question ?? question;
    const calls = next.kind === "results" ? (answer?.calls ?? []) : [];
    const text = answer?.text ?? "";
    const isAnswered = text !== "" || calls.length > 0;
    if (isAnswered || asked.kind === "results") {
      messages.push(...messagesOf(asked));
    }
    if (isAnswered) {
      messages.push({
        role: "assistant",
        content: text === "" ? null : text,
        ...(calls.length === 0 ? {} : { tool_calls: calls.map(sentCall) }),
      });
    }
  }
  return [...messages, ...messagesOf(question)];
}

function messagesOf(question: Question): Message[] {
  if (question.kind === "results") {
    return question.results.map(({ call, text }) => ({
      role: "tool",
      tool_call_id: call.id,
      content: text,
    }));
  }
  const { text, images } = question;
  if (images.length === 0) {
    return [{ role: "user", content: text }];
  }
  const parts: Part[] = images.map(({ url }) => ({ type: "image_url", image_url: { url } }));
  return [
    { role: "user", content: text.trim() === "" ? parts : [{ type: "text", text }, ...parts] },
  ];
}

const sentCall = ({ id, name, arguments: given }: ToolCall) => ({
  id,
  type: "function",
  function: { name, arguments: given },
});

/** A whole request. */
export function bodyOf(
  model: string,
  messages: Message[],
  parameters: Parameters,
  tools: readonly object[],
): ChatBody {
  return {
    model,
    messages,
    ...(tools.length === 0 ? {} : { tools }),
    ...membersOf(parameters, model),
  };
}
