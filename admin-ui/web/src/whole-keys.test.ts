import { describe, expect, it } from "vitest";
import { searchedFor, withoutKeys } from "./whole-keys";

const OWN = "sk-q8Zr0Yw-3kX_vB7nM2aLtE5uJ1cH6dGfS9oPiKxWaB4";

describe("a whole key", () => {
  it.each([
    [OWN, "sk-q…WaB4"],
    [`  ${OWN} `, "  sk-q…WaB4 "],
    [`"${OWN}"`, '"sk-q…WaB4"'],
    [`Bearer ${OWN}`, "Bearer sk-q…WaB4"],
    [`OPENAI_API_KEY=${OWN}`, "OPENAI_API_KEY=sk-q…WaB4"],
    ["nvapi-Pq81mZt4aaaaaaaaaaaa-works", "nvap…orks"],
  ])("%s is searched for by its hint", (typed, hint) => {
    expect(searchedFor(typed)).toBe(hint);
    expect(withoutKeys(typed)).toBe(hint);
  });

  it.each([
    ["5d1f0a77c2e94c9b8a365d1f0a77c2e9", "5d1f…c2e9"],
    ["9Xk29sLq0Rr55aWb7Pq81mZt4", "9Xk2…mZt4"],
  ])("%s without a known beginning is one in a search only", (typed, hint) => {
    expect(searchedFor(typed)).toBe(hint);
    expect(withoutKeys(typed)).toBe(typed);
  });
});

it.each([
  "laptop",
  "sk-q…WaB4",
  "sk-q",
  "ck_0123456789abcdef0123",
  "req_019340aa52f1c0ffee00112233445566",
  "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo",
  "nvidia/llama-3.3-nemotron-super-49b-v1.5",
  "https://generativelanguage.googleapis.com/v1beta/openai",
  "gpt-4o-mini-audio-preview-2024-12-17",
  "",
])("%s stays as it is", (typed) => {
  expect(searchedFor(typed)).toBe(typed);
  expect(withoutKeys(typed)).toBe(typed);
});
