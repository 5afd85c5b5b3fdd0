//! The reader of a schema: an expression of the functions in src/api/read.ts.

/** All references in a schema. */
export function referencesOf(schema) {
  if (Array.isArray(schema)) {
    return schema.flatMap(referencesOf);
  }
  if (typeof schema !== "object" || schema === null) {
    return [];
  }
  return Object.entries(schema).flatMap(([name, value]) =>
    name === "$ref" ? [value] : referencesOf(value),
  );
}

/** The constant that reads a named schema, and the type of what it gives. */
export function readerOf(name, schema) {
  const constant = `export const ${name} = ${expression(schema)};\n`;
  return `${constant}export type ${name} = read.Read<typeof ${name}>;\n`;
}

function expression(schema) {
  if (schema.$ref) {
    return schema.$ref.replace("#/components/schemas/", "");
  }
  const either = schema.oneOf ?? schema.anyOf;
  if (either) {
    const others = either.filter((one) => one.type !== "null");
    if (others.length < either.length && others.length === 1) {
      return `/* @__PURE__ */ read.nullable(${expression(others[0])})`;
    }
    // Words: one that only a newer gateway knows is read as well.
    return others.every((one) => typeof one.const === "string") ? "read.text" : "read.anything";
  }
  if (Array.isArray(schema.type)) {
    const [first, ...more] = schema.type.filter((one) => one !== "null");
    const inner = more.length === 0 ? expression({ ...schema, type: first }) : "read.anything";
    return schema.type.includes("null") ? `/* @__PURE__ */ read.nullable(${inner})` : inner;
  }
  switch (schema.type) {
    case "string":
      return "read.text";
    case "boolean":
      return "read.flag";
    case "integer":
    case "number":
      return "read.number";
    case "array":
      return `/* @__PURE__ */ read.list(${expression(schema.items)})`;
    case "object":
      return object(schema);
    default:
      return "read.anything";
  }
}

function object(schema) {
  if (schema.properties === undefined) {
    const values = schema.additionalProperties;
    const inner = typeof values === "object" ? expression(values) : "read.anything";
    return `/* @__PURE__ */ read.dictionary(${inner})`;
  }
  const required = new Set(schema.required ?? []);
  const lines = Object.entries(schema.properties).map(
    ([name, member]) => `  ${name}: ${reader(member, required.has(name))},\n`,
  );
  return `/* @__PURE__ */ read.record({\n${lines.join("")}})`;
}

/** The reader of a member. What is absent has its default, or is null where it may be left out. */
function reader(schema, isRequired) {
  const inner = expression(schema);
  const isNullable = inner.startsWith("/* @__PURE__ */ read.nullable(");
  const { default: absent } = schema;
  if (absent !== undefined && absent !== null) {
    const value = JSON.stringify(absent);
    return `/* @__PURE__ */ read.or(${inner}, ${value})`;
  }
  return isRequired || isNullable ? inner : `/* @__PURE__ */ read.nullable(${inner})`;
}
