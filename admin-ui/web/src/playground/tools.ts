//! The tools of a request, as they are typed: what is wrong with them, or what is sent. Pure.

export type ToolsProblem =
  /** In the browser's words. */
  | { kind: "json"; message: string }
  | { kind: "list" }
  /** `at` counts from 1. */
  | { kind: "type" | "name" | "parameters"; at: number }
  | { kind: "twice"; name: string };

export type Tools = { tools: object[]; problem: null } | { tools: null; problem: ToolsProblem };

const NAME = /^[\w-]{1,64}$/;

export const EXAMPLE = JSON.stringify(
  [
    {
      type: "function",
      function: {
        name: "get_weather",
        description: "Current weather of a city",
        parameters: {
          type: "object",
          properties: { city: { type: "string" } },
          required: ["city"],
        },
      },
    },
  ],
  null,
  2,
);

/** Nothing typed: no tools. */
export function readTools(typed: string): Tools {
  if (typed.trim() === "") {
    return { tools: [], problem: null };
  }
  let tools: unknown;
  try {
    tools = JSON.parse(typed);
  } catch (error) {
    return wrong({ kind: "json", message: error instanceof Error ? error.message : "" });
  }
  if (!Array.isArray(tools)) {
    return wrong({ kind: "list" });
  }
  const names = new Set<string>();
  for (const [index, tool] of tools.entries()) {
    const problem = problemOf(tool, index + 1, names);
    if (problem !== null) {
      return wrong(problem);
    }
  }
  return { tools, problem: null };
}

const wrong = (problem: ToolsProblem): Tools => ({ tools: null, problem });

function problemOf(tool: unknown, at: number, names: Set<string>): ToolsProblem | null {
  const { type, function: described } = (tool ?? {}) as Record<string, unknown>;
  if (typeof type !== "string") {
    return { kind: "type", at };
  }
  if (type !== "function") {
    // What an upstream has built in is its own matter.
    return null;
  }
  const { name, parameters } = (described ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || !NAME.test(name)) {
    return { kind: "name", at };
  }
  const isObject = typeof parameters === "object" && !Array.isArray(parameters);
  if (parameters !== undefined && (parameters === null || !isObject)) {
    return { kind: "parameters", at };
  }
  if (names.has(name)) {
    return { kind: "twice", name };
  }
  names.add(name);
  return null;
}
