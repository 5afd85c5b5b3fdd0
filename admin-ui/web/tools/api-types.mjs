//! Writes generated/schema.ts: the types of the admin API's OpenAPI document. Every build and type check
//! makes it anew, so that a panel that has drifted from the API does not compile.
//!
//! Not openapi-typescript: its version 7 needs TypeScript 5 beside the panel's 7, and the document is
//! plain enough.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const DOCUMENT = new URL("../../../crates/gateway-core/src/admin/openapi.json", import.meta.url);
const TYPES = new URL("../generated/schema.ts", import.meta.url);
const HEAD = `//! The admin API's types. Made from its OpenAPI document by \`npm run types\`; neither edited nor committed.

`;

const document = JSON.parse(readFileSync(DOCUMENT, "utf8"));
const schemas = document.components.schemas;

function named(reference) {
  const name = reference.replace("#/components/schemas/", "");
  if (!(name in schemas)) {
    throw new Error(`${reference} is nowhere`);
  }
  return name;
}

/** The members of an object with those of everything that it takes over. */
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
    return either.map((one) => type(one, indent)).join(" | ");
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

const parts = Object.entries(schemas).map(([name, schema]) => {
  return `export type ${name} = ${type(schema)};\n`;
});
const calls = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.keys(item)
    .filter((method) => ["get", "post", "put", "patch", "delete"].includes(method))
    .map((method) => `  | "${method.toUpperCase()} ${path}"`),
);
const made = `${HEAD}${parts.join("\n")}\n/** Every call that there is. */\nexport type Calls =\n${calls.join("\n")};\n`;

mkdirSync(new URL(".", TYPES), { recursive: true });
writeFileSync(TYPES, made);
