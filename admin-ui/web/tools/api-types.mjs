//! Writes generated/: what the panel knows of the admin API, made from its OpenAPI document. `schema.ts` has the types,
//! the calls and the defaults and limits of settings; `readers.ts` checks what comes over the wire. Every build and type
//! check makes both anew, so that a panel that has drifted from the API does not compile.
//!
//! Not openapi-typescript: its version 7 needs TypeScript 5 beside the panel's 7, it makes no readers, and the document
//! is plain enough.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fieldsOf, textOf, valuesOf } from "./api-fields.mjs";
import { readerOf, referencesOf } from "./api-readers.mjs";

const DOCUMENT = new URL("../../../crates/gateway-core/src/admin/openapi.json", import.meta.url);
const TYPES = new URL("../generated/schema.ts", import.meta.url);
const READERS = new URL("../generated/readers.ts", import.meta.url);
const HEAD =
  "Made from the admin API's OpenAPI document by `npm run types`; neither edited nor committed.";

const document = JSON.parse(readFileSync(DOCUMENT, "utf8"));
const schemas = document.components.schemas;

function named(reference) {
  const name = reference.replace("#/components/schemas/", "");
  if (!(name in schemas)) {
    throw new Error(`${reference} is nowhere`);
  }
  return name;
}

/** The members of an object with those of everything that it extends. */
function whole(schema) {
  if (schema.$ref) {
    return whole(schemas[named(schema.$ref)]);
  }
  const result = { properties: {}, required: new Set() };
  for (const part of [...(schema.allOf ?? []).map(whole), schema]) {
    Object.assign(result.properties, part.properties ?? {});
    for (const name of part.required ?? []) {
      result.required.add(name);
    }
  }
  return result;
}

function object(schema, indent) {
  const { properties, required } = whole(schema);
  const names = Object.keys(properties);
  if (names.length === 0) {
    const values = schema.additionalProperties;
    return `Record<string, ${typeof values === "object" ? type(values, indent) : "unknown"}>`;
  }
  const inner = `${indent}  `;
  const lines = names.map((name) => {
    const member = properties[name];
    return `${inner}${name}${required.has(name) ? "" : "?"}: ${type(member, inner)};\n`;
  });
  return `{\n${lines.join("")}${indent}}`;
}

function type(schema, indent = "") {
  if (schema.$ref) {
    return named(schema.$ref);
  }
  const either = schema.oneOf ?? schema.anyOf;
  if (either) {
    const union = either.map((one) => type(one, indent)).join(" | ");
    // Alternatives beside members: an object that has both.
    return schema.properties ? `${object(schema, indent)} & (${union})` : union;
  }
  if (schema.const !== undefined) {
    return JSON.stringify(schema.const);
  }
  if (schema.enum) {
    return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  }
  if (Array.isArray(schema.type)) {
    return schema.type.map((one) => type({ ...schema, type: one }, indent)).join(" | ");
  }
  switch (schema.type) {
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return `Array<${type(schema.items, indent)}>`;
    case "object":
      return object(schema, indent);
    case undefined:
      return schema.allOf ? object(schema, indent) : "unknown";
    default:
      throw new Error(`unknown type ${schema.type}`);
  }
}

/** Every call as "METHOD /path". */
function calls() {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((method) => ["get", "post", "put", "patch", "delete"].includes(method))
      .map((method) => `  | "${method.toUpperCase()} ${path}"`),
  );
}

/** The schemas of all responses, each after those that it refers to. */
function sent() {
  const ordered = new Set();
  function add(name) {
    if (!ordered.has(name)) {
      referencesOf(schemas[name]).map(named).forEach(add);
      ordered.add(name);
    }
  }
  for (const item of Object.values(document.paths)) {
    for (const { responses } of Object.values(item)) {
      Object.values(responses ?? {})
        .flatMap(referencesOf)
        .filter(isSchema)
        .map(named)
        .forEach(add);
    }
  }
  return [...ordered];
}

const isSchema = (reference) => reference.startsWith("#/components/schemas/");

function schemaModule() {
  const types = Object.entries(schemas).map(
    ([name, schema]) => `export type ${name} = ${type(schema)};\n`,
  );
  const fields = Object.entries(schemas).flatMap(([name, schema]) => [
    ...fieldsOf(name, whole(schema)),
    ...textOf(name, schema),
    ...valuesOf(name, schema),
  ]);
  const union = `/** Every call that there is. */\nexport type Calls =\n${calls().join("\n")};\n`;
  return [`//! The admin API's types. ${HEAD}\n`, ...types, ...fields, union].join("\n");
}

function readersModule() {
  const readers = sent().map((name) => readerOf(name, schemas[name]));
  const imports = 'import * as read from "../src/api/read";\n';
  return [`//! Readers of the admin API's responses. ${HEAD}\n${imports}`, ...readers].join("\n");
}

mkdirSync(new URL(".", TYPES), { recursive: true });
writeFileSync(TYPES, schemaModule());
writeFileSync(READERS, readersModule());
