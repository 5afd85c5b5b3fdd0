// What the worker's Rust asks of JavaScript: streams, calls, timers and the ledger's database. Decides nothing.
//
// Nothing here throws where it returns, and promises reject with plain errors: an exception that reaches Rust where none
// is expected counts as a crash of the whole module, with every request in flight. Some of these functions are called
// when Rust drops a value, which the garbage collector may bring about outside of any request, where workerd refuses
// all I/O.

import { waitUntil } from "cloudflare:workers";

/** Keeps the current request's work alive until the promise settles. */
export function hold(promise) {
  try {
    waitUntil(promise);
  } catch {
    // Outside of a request there is nothing to keep alive.
  }
}

/** `promise` is fulfilled after so many milliseconds, or at once where there are no timers. */
export function timer(milliseconds) {
  let id;
  const promise = new Promise((resolve) => {
    try {
      id = setTimeout(resolve, milliseconds);
    } catch {
      resolve();
    }
  });
  return {
    promise,
    clear() {
      try {
        clearTimeout(id);
      } catch {
        // It goes with its request.
      }
    },
  };
}

/** A line of the log. */
export function log(line) {
  try {
    console.log(line);
  } catch {
    // A log line that is not accepted is no reason to fail.
  }
}

/** What an error says. */
export function words(error) {
  try {
    return String(error?.message ?? error);
  } catch {
    return "";
  }
}

/** Header fields as lines: a name, its value, the next name. */
function lines(headers) {
  let text = "";
  for (const [name, value] of headers) {
    text += `${name}\n${value}\n`;
  }
  return text;
}

function fields(text) {
  const headers = new Headers();
  const parts = text.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) {
    headers.append(parts[at], parts[at + 1]);
  }
  return headers;
}

/** What a request or a response has in its head, in one string, since each crossing into Rust costs time. */
export function headersOf(message) {
  try {
    return lines(message.headers);
  } catch {
    return "";
  }
}

/** Fulfilled when the client has left; never, if it stays. */
export function left(request) {
  return new Promise((resolve) => {
    try {
      if (request.signal.aborted) {
        resolve();
      } else {
        request.signal.addEventListener("abort", () => resolve(), { once: true });
      }
    } catch {
      // Without a signal the next write to the client tells.
    }
  });
}

/**
 * The whole body of a request; at most `limit` bytes and one piece more where its length is not known: the caller's count
 * shows that it is too long. Then the rest is thrown away, up to `drained` bytes.
 */
export async function bodyOf(request, limit, drained) {
  if (request.body === null) {
    return new Uint8Array();
  }
  if (request.headers.has("content-length")) {
    return new Uint8Array(await request.arrayBuffer());
  }
  const reader = request.body.getReader();
  const pieces = [];
  let length = 0;
  while (length <= limit) {
    const { done, value } = await reader.read();
    if (done) {
      break;
    }
    pieces.push(value);
    length += value.byteLength;
  }
  if (length > limit) {
    await discard(reader, drained);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

/** Whether a request has a body that is unread. */
export function isUnread(request) {
  return request.body !== null && !request.bodyUsed;
}

/** Reads and throws away such a body, up to `limit` bytes. */
export function drain(request, limit) {
  return discard(request.body.getReader(), limit);
}

async function discard(reader, limit) {
  for (let length = 0; length <= limit; ) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    length += value.byteLength;
  }
  reader.cancel().catch(() => {});
}

/** A call to an upstream, and the way to end it. */
export function call() {
  const controller = new AbortController();
  let reader = null;
  return {
    async send(method, url, headers, body) {
      return await fetch(url, {
        method,
        headers: fields(headers),
        body,
        redirect: "manual",
        signal: controller.signal,
      });
    },
    /** The next piece of the response's body; `undefined` at its end. */
    async read(response) {
      reader ??= response.body?.getReader();
      return reader === undefined ? undefined : (await reader.read()).value;
    },
    abort() {
      try {
        controller.abort();
      } catch {
        // It went with its request.
      }
    },
  };
}

/** A response with a body in one piece, or none. One that is compressed already is left as it is. */
export function whole(status, headers, body) {
  return new Response(body, { status, headers: fields(headers), encodeBody: "manual" });
}

/** A response whose body is written by and by. */
export function streamed(status, headers) {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const closed = writer.closed.then(
    () => {},
    () => {},
  );
  return {
    response: new Response(readable, { status, headers: fields(headers) }),
    /** Fulfilled when the client has disconnected. */
    closed,
    /** Whether the piece was taken. */
    async write(piece) {
      try {
        await writer.write(piece);
        return true;
      } catch {
        return false;
      }
    },
    /** The end of a whole body. */
    async close() {
      try {
        await writer.close();
      } catch {
        // The client has left.
      }
    },
    /** The end of a body that is not whole: the client must not take it for one. */
    async cut() {
      try {
        await writer.abort(new Error("the upstream's body broke off"));
      } catch {
        // The client has left.
      }
    },
  };
}

/**
 * Runs statements on a D1 database, several of them as one transaction. Takes `[[text, [parameter, …]], …]` and gives
 * the rows of each as arrays, both as JSON.
 */
export async function ledger(database, statements) {
  const prepared = JSON.parse(statements).map(([text, parameters]) =>
    database.prepare(text).bind(...parameters),
  );
  if (prepared.length === 1) {
    return JSON.stringify([await prepared[0].raw()]);
  }
  const answers = await database.batch(prepared);
  // Objects keep the order of their columns.
  return JSON.stringify(answers.map(({ results }) => (results ?? []).map(Object.values)));
}
