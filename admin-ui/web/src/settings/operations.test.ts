import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { OPERATIONS } from "./operations";

const RULES = new URL(
  "../../../../crates/gateway-core/src/config/validate/default_models.rs",
  import.meta.url,
);

it("the gateway has the same operations", () => {
  const [, list = ""] =
    /OPERATIONS: \[&str; \d+\] = \[([^\]]+)\]/.exec(readFileSync(RULES, "utf8")) ?? [];
  expect([...list.matchAll(/"([^"]+)"/g)].map(([, name]) => name)).toEqual([...OPERATIONS]);
});
