// What the worker's Rust asks of JavaScript: requests, streams, calls, timers and stores. Decides nothing.
//
// Each crossing between the two costs time, so that there is one for what belongs together: a head is one string, and bytes
// are lent to JavaScript, which copies them, or are copied into the module's memory by what calls it.
//
// What takes time is asked for with the number of a ticket, which is settled later by calling the module: `nothing`, `text`,
// `bytes` or `failed`, each with the time. A ticket that was dropped meanwhile is unknown there.
//
// Nothing here throws where it returns: an exception that reaches Rust where none is expected counts as a crash of the
// whole module, with every request in flight. Some of these functions are called when Rust drops a value, which may happen
// outside of any request, where workerd refuses all I/O.

import { env, waitUntil } from "cloudflare:workers";
import * as gateway from "./index.js";

/** How long a location serves what it has read from KV without checking again, in seconds. */
const CACHE_SECONDS = 60;
/** The one object that has the records. */
const RECORDS = "gateway";
/** Tickets of one instance of the module; those of an instance that crashed are none of the next one's. */
const TICKETS = 0x1000000;

let instances = 0;

/** The first ticket of an instance of the module. */
export function firstTicket() {
  instances = (instances + 1) % 256;
  return instances * TICKETS;
}

/** Settles a ticket as soon as the promise does; `give` calls the module with the value. */
function settle(ticket, promise, give = done) {
  promise
    .then(
      (value) => give(ticket, value),
      (error) => gateway.failed(ticket, words(error), Date.now()),
    )
    // The module has crashed: its requests end with it.
    .catch(() => {});
}

function done(ticket) {
  gateway.nothing(ticket, Date.now());
}

function giveText(ticket, text) {
  gateway.text(ticket, text, Date.now());
}

function giveBytes(ticket, value) {
  if (value === null || value === undefined) {
    gateway.nothing(ticket, Date.now());
  } else {
    gateway.bytes(ticket, value instanceof Uint8Array ? value : new Uint8Array(value), Date.now());
  }
}

/** What an error says. */
function words(error) {
  try {
    return String(error?.message ?? error);
  } catch {
    return "";
  }
}

const held = new Map();

/** Keeps the current request's work alive until it is released. */
export function hold(number) {
  try {
    waitUntil(new Promise((resolve) => held.set(number, resolve)));
  } catch {
    // Outside of a request there is nothing to keep alive.
  }
}

export function release(number) {
  held.get(number)?.();
  held.delete(number);
}

/** Settles the ticket after so many milliseconds, or at once where there are no timers. */
export function timer(ticket, milliseconds) {
  try {
    return setTimeout(() => settle(ticket, Promise.resolve()), milliseconds);
  } catch {
    settle(ticket, Promise.resolve());
    return 0;
  }
}

export function clear(timer) {
  try {
    clearTimeout(timer);
  } catch {
    // It goes with its request.
  }
}

/** A line of the log. */
export function log(line) {
  try {
    console.log(line);
  } catch {
    // A log line that is not accepted is no reason to fail.
  }
}

/** A variable or a secret. */
export function variable(name) {
  const value = env[name];
  return typeof value === "string" ? value : undefined;
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
  const parts = text.split("\n");
  const headers = [];
  for (let at = 0; at + 1 < parts.length; at += 2) {
    headers.push([parts[at], parts[at + 1]]);
  }
  return headers;
}

/** One request of a client, and the way to answer it. */
class Job {
  #request;
  #resolve;
  #end;
  #left;
  #writer;

  constructor(request, resolve, end) {
    this.#request = request;
    this.#resolve = resolve;
    this.#end = end;
  }

  /** Hands it to the module. */
  start() {
    const request = this.#request;
    const head = `${request.method}\n${request.url}\n${lines(request.headers)}`;
    this.#left = gateway.start(this, head, Date.now());
    // Without a signal the next write to the client tells.
    request.signal?.addEventListener("abort", () => this.#leave(), { once: true });
  }

  /** The client has left and will not read an answer. */
  #leave() {
    settle(this.#left, Promise.resolve());
    this.#resolve(new Response(null, { status: 400 }));
  }

  /** Settles the ticket with the whole body; see `bodyOf`. */
  body(ticket, limit, drained) {
    settle(ticket, bodyOf(this.#request, limit, drained), giveBytes);
  }

  /** A response with a body in one piece, or none. One that is compressed already is left as it is. */
  whole(status, headers, body) {
    try {
      const content = body.length === 0 ? null : body.slice();
      this.#answer(new Response(content, { status, headers: fields(headers), encodeBody: "manual" }));
    } catch {
      this.#answer(new Response(null, { status: 400 }));
    }
  }

  /** A response whose body is written by and by; tells whether it could be made. */
  begin(status, headers) {
    try {
      const { readable, writable } = new IdentityTransformStream();
      const response = new Response(readable, { status, headers: fields(headers) });
      this.#writer = writable.getWriter();
      const leave = () => settle(this.#left, Promise.resolve());
      this.#writer.closed.then(leave, leave);
      this.#answer(response);
      return true;
    } catch {
      this.#answer(new Response(null, { status: 400 }));
      return false;
    }
  }

  /** Fails if the piece was not taken. */
  write(ticket, piece) {
    settle(ticket, this.#writer.write(piece.slice()));
  }

  /** The end of a whole body. */
  close(ticket) {
    settle(ticket, this.#writer.close());
  }

  /** The end of a body that is not whole: the client must not take it for one. */
  cut(ticket) {
    settle(ticket, this.#writer.abort(new Error("the upstream's body broke off")));
  }

  /** The work for it is done. */
  end() {
    this.#end();
  }

  /**
   * Reads what is unread of the request's body before its response is returned and not beside it: the runtime closes the
   * connection under a client that still sends when its response has ended, and the response is lost with it.
   */
  #answer(response) {
    const { body, bodyUsed } = this.#request;
    if (body === null || bodyUsed) {
      this.#resolve(response);
      return;
    }
    discard(body.getReader(), gateway.drained_bytes())
      // A client that disconnects meanwhile does not need the response either.
      .catch(() => {})
      .finally(() => this.#resolve(response));
  }
}

/**
 * Answers a request. A client that disconnects ends the event at once and everything in it. What the request used must be
 * recorded anyway, so that the work does not belong to the event but runs in `waitUntil`.
 */
export function answer(request, context) {
  return new Promise((resolve, reject) => {
    context.waitUntil(
      new Promise((end) => {
        try {
          new Job(request, resolve, end).start();
        } catch (error) {
          reject(error);
          end();
        }
      }),
    );
  });
}

/**
 * The whole body of a request; at most `limit` bytes and one piece more where its length is not known: the caller's count
 * shows that it is too long. Then the rest is thrown away, up to `drained` bytes.
 */
async function bodyOf(request, limit, drained) {
  if (request.body === null) {
    return new Uint8Array();
  }
  if (request.headers.has("content-length")) {
    return await request.arrayBuffer();
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

/** A call to an upstream. */
class Call {
  #controller = new AbortController();
  #response;
  #reader;

  send(ticket, method, url, headers, body, milliseconds) {
    const timer = setTimeout(() => {
      settle(ticket, Promise.resolve());
      this.abort();
    }, milliseconds);
    const request = { method, headers: fields(headers), body, redirect: "manual", signal: this.#controller.signal };
    const head = fetch(url, request).then((response) => {
      this.#response = response;
      return `${response.status}\n${lines(response.headers)}`;
    });
    settle(ticket, head.finally(() => clearTimeout(timer)), giveText);
  }

  /** Settles the ticket with the next piece of the response's body; with nothing at its end. */
  read(ticket) {
    try {
      this.#reader ??= this.#response.body?.getReader();
      const piece = this.#reader === undefined ? Promise.resolve({}) : this.#reader.read();
      settle(ticket, piece, (ticket, { value }) => giveBytes(ticket, value));
    } catch (error) {
      settle(ticket, Promise.reject(error));
    }
  }

  abort() {
    try {
      this.#controller.abort();
    } catch {
      // It went with its request.
    }
  }
}

/**
 * Calls an upstream. Settles the ticket with the status and the header fields of the response; with nothing if there is
 * none in time.
 */
export function send(ticket, method, url, headers, body, milliseconds) {
  const call = new Call();
  try {
    // One piece, so that the upstream learns its length.
    call.send(ticket, method, url, headers, body.length === 0 ? undefined : body.slice(), milliseconds);
  } catch (error) {
    settle(ticket, Promise.reject(error));
  }
  return call;
}

/** Calls one of the Durable Objects, or fails. */
function ask(ticket, call, give) {
  try {
    settle(ticket, Promise.resolve(call()), give);
  } catch (error) {
    settle(ticket, Promise.reject(error));
  }
}

const records = () => env.RECORDS.getByName(RECORDS);

/** The record's value, or nothing. */
export function read(ticket, name) {
  ask(ticket, () => records().read(name), giveBytes);
}

/** The same if its version is another one than `known`, with the version before it; a text if not. */
export function changed(ticket, name, known) {
  ask(ticket, () => records().changed(name, known), (ticket, record) => {
    if (record === null) {
      giveText(ticket, "");
    } else if (record.value === null) {
      done(ticket);
    } else {
      const bytes = new Uint8Array(8 + record.value.length);
      new DataView(bytes.buffer).setFloat64(0, record.version);
      bytes.set(record.value, 8);
      giveBytes(ticket, bytes);
    }
  });
}

/** The copy of the record that every location can read, which may be a minute old; or nothing. */
export function nearby(ticket, name) {
  ask(ticket, () => env.CONFIGURATION.get(name, { type: "arrayBuffer", cacheTtl: CACHE_SECONDS }), giveBytes);
}

/** Replaces a record if it is `expected` (without `isThere`: absent); a text if it was, nothing if not. */
export function swap(ticket, name, isThere, expected, next) {
  const [known, value] = [isThere ? expected.slice() : null, next.slice()];
  ask(ticket, () => records().swap(name, known, value), (ticket, isDone) => {
    if (isDone) {
      giveText(ticket, "");
    } else {
      done(ticket);
    }
  });
}

/** Runs statements on the usage of a client key; see `ledger`. */
export function allowance(ticket, key, statements) {
  ask(ticket, () => env.ALLOWANCES.getByName(key).transact(statements), giveText);
}

/**
 * Runs statements on the ledger's database, several of them as one transaction. Takes `[[text, [parameter, …]], …]` and
 * gives the rows of each as arrays, both as JSON.
 */
export function ledger(ticket, statements) {
  ask(ticket, () => transact(env.LEDGER, statements), giveText);
}

async function transact(database, statements) {
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
