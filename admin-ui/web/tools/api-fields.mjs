//! Defaults and limits of the members of a schema, as a constant of the generated module.

const KEYWORDS = ["default", "minimum", "maximum", "minLength", "maxLength", "maxItems"];

/** `export const …Text`, for a schema that may be a text with limits. */
export function textOf(name, { anyOf = [] }) {
  const text = anyOf.find(({ maxLength }) => maxLength !== undefined);
  if (text === undefined) {
    return [];
  }
  const { minLength, maxLength } = text;
  const values = JSON.stringify({ minLength, maxLength });
  return [`/** Limits of the text. */\nexport const ${name}Text = ${values} as const;\n`];
}

/** `export const …Values`, for a schema that is one of several texts: plain ones, or each with its description. */
export function valuesOf(name, { enum: plain = [], oneOf = [] }) {
  const values = [...plain, ...oneOf.flatMap(({ const: one }) => one ?? [])];
  if (values.length === 0) {
    return [];
  }
  return [
    `/** Every value. */\nexport const ${name}Values = ${JSON.stringify(values)} as const;\n`,
  ];
}

/** `export const …Fields`, for a schema that has any; the names of a map that has only certain ones count too. */
export function fieldsOf(name, { properties }) {
  const fields = Object.entries(properties).flatMap(([member, schema]) => {
    const entries = KEYWORDS.filter((keyword) => schema[keyword] !== undefined).map((keyword) => [
      keyword,
      schema[keyword],
    ]);
    const names = schema.propertyNames?.enum;
    if (names !== undefined) {
      entries.push(["names", names]);
    }
    return entries.length === 0 ? [] : [[member, Object.fromEntries(entries)]];
  });
  if (fields.length === 0) {
    return [];
  }
  const values = JSON.stringify(Object.fromEntries(fields), null, 2);
  return [`/** Defaults and limits. */\nexport const ${name}Fields = ${values} as const;\n`];
}
