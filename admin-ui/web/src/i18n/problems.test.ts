import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type ProblemTexts, textOf } from "./problem-texts";
import { problemsEn } from "./problems.en";
import { problemsZh } from "./problems.zh";

/** A schema of the API's description, as far as problems have them. */
interface Schema {
  const?: string;
  enum?: string[];
  type?: string | string[];
  $ref?: string;
  properties?: Record<string, Schema>;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
}

const API = new URL("../../../../crates/gateway-core/src/admin/openapi.json", import.meta.url);
const { schemas } = JSON.parse(readFileSync(API, "utf8")).components as {
  schemas: Record<string, Schema>;
};

function resolved(schema: Schema): Schema {
  const name = schema.$ref?.split("/").at(-1);
  return name === undefined ? schema : resolved(schemas[name] ?? {});
}

/** Every rule that the gateway has: its code, and the values that belong to it. */
function rules(): Map<string, Schema | undefined> {
  const found = new Map<string, Schema | undefined>();
  const search = (schema: Schema) => {
    const { properties, oneOf = [], anyOf = [], allOf = [] } = resolved(schema);
    const code = properties?.["code"];
    for (const name of code?.enum ?? (code?.const === undefined ? [] : [code.const])) {
      found.set(name, properties?.["values"]);
    }
    for (const part of [...oneOf, ...anyOf, ...allOf]) {
      search(part);
    }
  };
  search(schemas["Problem"] ?? {});
  return found;
}

/** All choices of values that a rule can be about. */
function samples(schema: Schema | undefined): Record<string, unknown>[] {
  let made: Record<string, unknown>[] = [{}];
  for (const [name, property] of Object.entries(
    schema === undefined ? {} : (resolved(schema).properties ?? {}),
  )) {
    const values = valuesOf(resolved(property));
    made = made.flatMap((one) => values.map((value) => ({ ...one, [name]: value })));
  }
  return made;
}

function valuesOf(schema: Schema): unknown[] {
  const parts = schema.oneOf ?? schema.anyOf;
  if (parts !== undefined) {
    return parts.flatMap((part) => valuesOf(resolved(part)));
  }
  const choices = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (choices !== undefined) {
    return choices;
  }
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "integer":
      return [1, 70];
    case "boolean":
      return [true, false];
    case "array":
      return [["first", "second"]];
    case "null":
      return [null];
    default:
      return ["some text"];
  }
}

describe.each([
  ["English", problemsEn],
  ["Chinese", problemsZh],
] as [string, ProblemTexts][])("problems in %s", (_, texts) => {
  it("have a text for every rule of the gateway, and for no other", () => {
    const known = [...rules().keys()].sort();
    expect(known.length).toBeGreaterThan(35);
    expect(Object.keys(texts).sort()).toEqual(known);
  });

  it("have a text for all values of a rule", () => {
    for (const [code, values] of rules()) {
      for (const sample of samples(values)) {
        const text = textOf(texts, { path: "a", message: "", code, values: sample } as never);
        expect(text, `${code} ${JSON.stringify(sample)}`).toBeTruthy();
        expect(text, code).not.toMatch(/undefined|NaN|\[object/);
      }
    }
  });
});
