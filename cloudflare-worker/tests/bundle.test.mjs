// What is uploaded: small enough for every plan, and nothing in it that Workers refuse or that is not needed.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { unstable_readConfig as readConfiguration } from "wrangler";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..");
const build = join(folder, "build");
/** Below what the free plan takes, which is 3 MB. */
const MOST_COMPRESSED_BYTES = 2_460_000;

const files = readdirSync(build, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .map((path) => ({ name: relative(build, path), bytes: readFileSync(path) }));
const modules = files.filter(({ name }) => !name.startsWith("panel"));
const scripts = modules.filter(({ name }) => /\.m?js$/.test(name));

test("the worker is below 2.46 megabytes, compressed", (context) => {
  const sizes = modules.map(({ bytes }) => gzipSync(bytes, { level: 9 }).length);
  const sum = sizes.reduce((one, other) => one + other, 0);
  context.diagnostic(`${sum} bytes compressed in ${modules.length} modules`);
  assert.ok(sum < MOST_COMPRESSED_BYTES, `${sum} bytes`);
  assert.equal(modules.filter(({ name }) => name.endsWith(".wasm")).length, 1);
});

test("no script makes code out of text", () => {
  assert.ok(scripts.length >= 4);
  for (const { name, bytes } of scripts) {
    const code = bytes.toString();
    assert.doesNotMatch(code, /\beval\s*\(|\bnew\s+Function\b|setTimeout\(\s*["'`]/, name);
  }
});

test("scripts import each other and what Workers have, nothing of Node.js", () => {
  for (const { name, bytes } of scripts) {
    for (const [, from] of bytes.toString().matchAll(/^(?:import|export)\b.*?["']([^"']+)["'];?$/gm)) {
      assert.match(from, /^\.\.?\/|^cloudflare:workers$/, `${name}: ${from}`);
    }
  }
});

test("the configuration asks for no compatibility with Node.js and knows every binding", () => {
  const configuration = readConfiguration({ config: join(folder, "wrangler.toml") });
  assert.deepEqual(configuration.compatibility_flags, ["enable_request_signal"]);
  assert.equal(configuration.main, join(build, "worker.mjs"));
  assert.equal(configuration.assets.directory, "build/panel");
  assert.deepEqual(
    configuration.durable_objects.bindings.map(({ name, class_name: type }) => [name, type]),
    [
      ["RECORDS", "Records"],
      ["ALLOWANCES", "Allowance"],
    ],
  );
  assert.deepEqual(configuration.kv_namespaces.map(({ binding }) => binding), ["CONFIGURATION"]);
  assert.deepEqual(configuration.d1_databases.map(({ binding }) => binding), ["LEDGER"]);
  assert.equal(configuration.observability.enabled, true);
});

test("the panel's files carry the headers that its component sends", () => {
  const headers = files.find(({ name }) => name === join("panel", "_headers"));
  const safety = readFileSync(join(folder, "..", "admin-ui", "safety.headers"), "utf8");
  for (const line of safety.trim().split("\n")) {
    assert.ok(headers.bytes.includes(`/admin/*\n`) && headers.bytes.includes(`\n  ${line}\n`), line);
  }
});
