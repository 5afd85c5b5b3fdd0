//! English texts of unsaved work, and of what becomes of a client key: rotation, expiry, its own page.

export const keysEn = {
  "unsaved.title": "Leave without saving?",
  "unsaved.text": "What you have typed is not saved. If you leave, it is lost.",
  "unsaved.stay": "Keep editing",
  "unsaved.leave": "Discard changes",

  "app.pageFailed": "The page could not be loaded",

  "import.byOthers": "Changed by others since you reviewed",
  "import.byThis": "Changed by this import",

  "rotate.open": "Rotate",
  "rotate.of": (name: string) => `Rotate ${name}`,
  "rotate.title": (name: string) => `Rotate ${name}?`,
  "rotate.text":
    "The gateway makes a new key. Limits, models and history stay as they are. Clients can use the old key for the grace time.",
  "rotate.second": (hint: string, until: string) =>
    `${hint} was replaced before and would be valid until ${until}. It will be rejected at once: only the newest two keys are valid.`,
  "rotate.grace": "Old key stays valid for",
  "rotate.grace.0": "no time: rejected at once",
  "rotate.grace.3600": "1 hour",
  "rotate.grace.86400": "1 day",
  "rotate.grace.604800": "7 days",
  "rotate.grace.2592000": "30 days",
  "rotate.graceHint": "Choose no grace time when the key has leaked.",
  "rotate.do": "Rotate key",
  "rotate.busy": "Rotating…",
  "rotate.failed": "The key was not rotated",
  "rotate.newKey": "(new)",
  "rotate.doneText": (hint: string, until: string) =>
    `The old key ${hint} is valid until ${until}. This is the only time that the new one is shown. Copy it now.`,

  "previous.until": (hint: string, time: string) => `Old key ${hint} valid until ${time}`,
  "previous.end": "End now",
  "previous.endTitle": (name: string) => `Reject the old key of ${name} now?`,
  "previous.endText": "Programs that still use the old key will be rejected.",
  "previous.endDo": "Reject old key",

  "clients.expiresSoon": "Expires soon",
  "clients.missing": "There is no such client key",
  "clients.missingText": "It may have been deleted.",
  "clients.toKeys": "To the client keys",
  "clients.loadFailed": "The key could not be loaded",
  "clients.facts": "Key",
  "clients.hint": "Key (shortened)",
  "clients.created": "Created",
  "clients.previous": "Old key",
  "clients.usageTitle": "Usage",
  "clients.topModels": "Models",
  "clients.lastRequests": "Last requests",
  "clients.allRequests": "All requests of this key",
  "clients.noRequests": "No requests with this key yet.",
  "clients.useHint":
    "The key itself is not stored: replace YOUR_KEY with yours, or rotate the key to get a new one.",

  "snippet.curlMessages": "curl (Anthropic)",
  "snippet.pythonMessages": "Python (Anthropic)",
  "snippet.nodeMessages": "Node.js (Anthropic)",
  "snippet.codex": "Codex",
};
