//! The operations whose requests may leave the model out.

/** By their paths below `/v1/`. A test compares them with the gateway's own list. */
export const OPERATIONS = [
  "audio/speech",
  "audio/transcriptions",
  "audio/translations",
  "chat/completions",
  "completions",
  "embeddings",
  "images/edits",
  "images/generations",
  "images/variations",
  "messages",
  "messages/count_tokens",
  "moderations",
  "rerank",
  "responses",
] as const;
