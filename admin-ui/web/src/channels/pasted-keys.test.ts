import { describe, expect, it } from "vitest";
import { pastedKeys } from "./pasted-keys";

const A = "sk-proj-Aa1_bb2-cc3dd4ee5";
const B = "nvapi-Zz9_yy8-xx7ww6vv5";

describe("pasted keys", () => {
  it.each([
    ["", []],
    ["  \n ", []],
    [A, [A]],
    ["EMPTY", ["EMPTY"]],
    ["ollama", ["ollama"]],
    [`${A}\n${B}`, [A, B]],
    [`${A}\r\n\r\n${B}\r\n`, [A, B]],
    [`${A},${B}`, [A, B]],
    [`${A}, ${B};`, [A, B]],
    [`${A};${B}`, [A, B]],
    [`${A} ${B}\t`, [A, B]],
    [`"${A}"\n'${B}'`, [A, B]],
    [`“${A}”, \`${B}\``, [A, B]],
    [`["${A}", "${B}"]`, [A, B]],
    [`Bearer ${A}`, [A]],
    [`Authorization: Bearer ${A}`, [A]],
    [`authorization: bearer ${A}`, [A]],
    [`x-api-key: ${A}`, [A]],
    [`OPENAI_API_KEY=${A}`, [A]],
    [`export OPENAI_API_KEY="${A}"\nexport NVIDIA_API_KEY='${B}'`, [A, B]],
    [`$env:OPENAI_API_KEY="${A}"`, [A]],
    [`OPENAI_API_KEY = ${A}`, [A]],
    [`KEY=${A}`, [A]],
    [`api_key: "${A}",`, [A]],
    [`{"api_key": "${A}"}`, [A]],
    [`- ${A}\n- ${B}`, [A, B]],
    ["QUJDREVGR0hJ==", ["QUJDREVGR0hJ=="]],
    ["QUJD_RA==", ["QUJD_RA=="]],
    ["eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0", ["eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0"]],
    ["0a1b2c3d:4e5f6a7b", ["0a1b2c3d:4e5f6a7b"]],
  ])("%j", (text, keys) => {
    expect(pastedKeys(text)).toEqual({ keys, duplicates: 0, others: [] });
  });

  it("counts repetitions and what is no key", () => {
    const thirty = Array.from({ length: 30 }, (_, number) => `nvapi-key-number-${number}`);
    const found = pastedKeys([...thirty, thirty[4], "密钥"].join("\n"));
    expect(found).toEqual({ keys: thirty, duplicates: 1, others: ["密钥"] });
  });

  it.each([
    "nvap…wxyz",
    "sk-a...b",
    "sk-****abcd",
    "https://api.openai.com/v1",
    "YOUR_API_KEY",
    "# old ones",
    "keys:",
  ])("%s is no key", (text) => {
    expect(pastedKeys(text)).toEqual({ keys: [], duplicates: 0, others: [text] });
  });
});
