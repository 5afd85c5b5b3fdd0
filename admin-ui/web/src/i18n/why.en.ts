//! Texts of why a request failed, and of the page of one request, in English.

export const whyEn = {
  "reason.stream_incomplete": "answer cut off",

  "why.title": "Why",
  "why.said": "Message",
  "why.limit": "Limit",
  "why.used": "Used",
  "why.free": "Free again",
  "why.rate_limit_requests": "The client key has used up its requests per minute.",
  "why.rate_limit_tokens": "The client key has used up its tokens.",
  "why.budget_daily": "The client key has used up its budget for the day (UTC).",
  "why.budget_monthly": "The client key has used up its budget for the month (UTC).",
  "why.model_not_allowed": "The model is not in the list of this client key.",
  "why.model_not_found": "No channel serves the model, or no upstream knows it.",
  "why.no_channel_available": "Only disabled channels serve the model.",
  "why.unsupported_operation": "No upstream of the model has this endpoint.",
  "why.body_too_large": "The request body is larger than allowed.",
  "why.unsupported_media_type": "The request body has a content type that is not supported.",
  "why.invalid_request": "The request itself is wrong.",
  "why.unknown_path": "The gateway has no such path.",
  "why.method_not_allowed": "The path does not have this method.",
  "why.upgrade_not_supported": "The client requested a WebSocket, which is not supported.",
  "why.loop_detected":
    "The request had passed through this gateway before: a channel's base URL leads back here.",
  "why.unavailable": "The gateway had no memory left, or its store did not answer.",
  "why.upstream_refused": "The upstream rejected the request; another one would do the same.",
  "why.upstream_rate_limited": "Every upstream is over its rate limit.",
  "why.upstream_credentials_exhausted":
    "Every upstream key was rejected. Check the keys of these channels.",
  "why.upstream_timeout": "No upstream answered in time.",
  "why.upstream_failed": "Every upstream failed.",
  "why.stream_incomplete": "The upstream ended its answer before it was complete.",

  "request.title": "Request",
  "request.loading": "Loading the request…",
  "request.failed": "The request could not be loaded",
  "request.missing": "Request not found",
  "request.missingText":
    "It is not in the log: it was removed, is not written yet (that takes a second), or was never recorded.",
  "request.all": "All requests",
  "request.open": "Open",
  "request.copyLink": "Copy link",
  "request.find": "Find by id",
  "request.findHint": "req_… or a link",
  "request.findNone": "No request id found. Ids begin with req_.",

  "ledger.log_error_details": "Keep error messages",
  "ledger.log_error_details.hint":
    "The first 300 characters of errors, without keys. Some upstreams repeat a part of the prompt in them.",
};
