//! What is wrong with a value, by the API's code for it, in English.
import type { ProblemTexts } from "./problem-texts";

const TYPES = {
  object: "must be an object",
  array: "must be a list",
  boolean: "must be on or off",
  string: "must be text",
  whole_key: "must be the whole key as text",
  channel_key: "must be a new key as text, or an object with the id of a kept key",
  document_key: "must be a key as text, or an object with `id`, `key` or both",
};
const WITHIN = {
  list: "is in the list twice",
  map: "is in the table twice",
  headers: "is there twice; header names ignore case",
  document: "is in the document twice",
};
const KEYS = {
  several: "must be a single key; enter each key by itself",
  bearer: "must be the key alone, without `Bearer`",
  quotes: "must be the key alone, without quotes",
  assignment: "must be the key alone, without a name and `=` before it",
};

export const problemsEn: ProblemTexts = {
  required: () => "is required",
  list_required: () => "is required; use an empty list for none",
  azure_required: () => "is required for Azure",
  azure_forbidden: () => "is for Azure only",
  unknown_field: () => "is not a known setting",
  wrong_type: ({ expected }) => TYPES[expected],
  out_of_range: ({ min, max, nullable }) =>
    `must be a whole number from ${min} to ${max}${nullable ? ", or empty" : ""}`,
  invalid_text: ({ max }) => `must have 1 to ${max} characters and no control characters`,
  invalid_model_name: ({ max }) => `must be named by a model of 1 to ${max} characters`,
  too_many: ({ max }) => `must have at most ${max} entries`,
  duplicate: ({ within }) => WITHIN[within],
  key_already_in_channel: () => "is in this channel already",
  invalid_time: () => "must be a time such as 2027-01-31T00:00:00Z",
  invalid_choice: ({ choices }) => `must be one of ${choices.join(", ")}`,
  unknown_operation: ({ choices }) => `is not a known operation; there are ${choices.join(", ")}`,
  invalid_network: () => "must be an IP address such as 10.0.0.1 or a network such as 10.0.0.0/8",
  invalid_url: ({ reason, max, suggestion }) => {
    const text = {
      not_absolute: "must begin with https:// or http://",
      too_long: `must have at most ${max} bytes`,
      credentials: "must not contain credentials; keys have their own field",
      query: "must not contain a query or a fragment",
    }[reason];
    return suggestion == null ? text : `${text}; use ${suggestion}`;
  },
  invalid_key: ({ reason, max }) =>
    reason === "characters"
      ? `must be a key of 1 to ${max} visible ASCII characters without spaces`
      : KEYS[reason],
  key_id_required: () => "must have the id of a key of this channel",
  key_or_id_required: () => "must have the whole key, or the id of a key that this gateway has",
  unknown_key: () => "is not a key of this channel",
  unknown_key_of_document: () =>
    "has no key, and this gateway has none with this id; an export with its keys has them",
  invalid_header_name: () => "is not a valid header name",
  reserved_header: () => "is set by the gateway itself and cannot be changed",
  invalid_header_value: ({ max }) => `must have at most ${max} visible ASCII characters`,
  unknown_id: () => "does not exist any more",
  not_together: ({ with: other }) => `must not be there together with ${other}`,
  comma_in_tag: () => "must not contain a comma",
  reserved_parameter: () => "must not contain `model` or `stream`",
  renamed_parameter: () => "must not use the old name of a renamed parameter",
  too_large: ({ max }) => `must have at most ${max} bytes as JSON`,
  empty_list: () => "must have at least one entry",
  several_wildcards: () => "must have at most one * on each side",
  wildcard_without_pattern: () => "must not have a * on the right without one on the left",
  wildcard_forbidden: () => "must not contain *; only a channel's model mapping has patterns",
  invalid_url_part: ({ max }) => `must be 1 to ${max} letters, digits, dashes, dots or underscores`,
  unsupported_version: ({ supported }) =>
    `must be ${supported}, the only version that is supported`,
  client_key_forbidden: () => "must not be here: a client key is imported by its hash",
  invalid_id: ({ max }) => `must be an id of 1 to ${max} letters, digits or underscores`,
  invalid_hash: () => "must be a SHA-256 in 64 hexadecimal digits",
  invalid_password: ({ min, max }) =>
    `must have at least ${min} characters and at most ${max} bytes`,
  wrong_password: () => "is not your present password",
  invalid_password_hash: () => "must be an argon2id hash, as an export has it",
  name_taken: () => "is the name of another account",
  invalid_totp_secret: () => "must be a secret in base32, as the gateway made it",
  wrong_totp_code: () => "is not the code that the app shows now",
  unknown_price_list: ({ known }) => `must be a price list of ${known.join(" or ")}`,
  unknown_parameter: ({ known }) => `is not a known parameter; there are ${known.join(", ")}`,
  repeated_parameter: () => "is in the URL twice",
  invalid_parameter: ({ rule }) => rule,
};
