// Reads requests as servers in Node.js do: one line of JSON per request, one entry per parser.
//
// Standard input: for each request a content type and a body, each after its length in four bytes (big-endian).
import { readFileSync } from "node:fs";
import busboy from "busboy";

const NAMES = ["model", "stream"];

function fromJson(body) {
  const value = JSON.parse(body);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new TypeError("no object");
  }
  return Object.fromEntries(
    NAMES.map((name) => [name, Object.hasOwn(value, name) ? [value[name]] : []]),
  );
}

function fromBusboy(contentType, body) {
  return new Promise((resolve, reject) => {
    const found = Object.fromEntries(NAMES.map((name) => [name, []]));
    const parser = busboy({ headers: { "content-type": contentType } });
    parser.on("field", (name, value) => found[name]?.push(value));
    parser.on("file", (name, file) => {
      found[name]?.push("(file)");
      file.on("error", reject);
      file.resume();
    });
    parser.on("error", reject);
    parser.on("close", () => resolve(found));
    parser.end(body);
  });
}

async function fromFetch(contentType, body) {
  const form = await new Response(body, { headers: { "content-type": contentType } }).formData();
  const text = (value) => (typeof value === "string" ? value : "(file)");
  return Object.fromEntries(NAMES.map((name) => [name, form.getAll(name).map(text)]));
}

function parsers(contentType, body) {
  if (contentType.split(";")[0].trim().toLowerCase() === "application/json") {
    return [
      ["JSON.parse", () => fromJson(new TextDecoder().decode(body))],
      ["JSON.parse of a buffer's text", () => fromJson(body.toString("utf8"))],
    ];
  }
  return [
    ["busboy", () => fromBusboy(contentType, body)],
    ["fetch", () => fromFetch(contentType, body)],
  ];
}

function* frames(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    yield bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
}

const source = frames(readFileSync(0));
for (const head of source) {
  const contentType = head.toString("latin1");
  const body = source.next().value;
  const readings = [];
  for (const [by, parse] of parsers(contentType, body)) {
    try {
      readings.push({ by, ...(await parse()) });
    } catch (error) {
      readings.push({ by, error: String(error) });
    }
  }
  console.log(JSON.stringify(readings));
}
