// Serves the built worker in workerd on this machine, offline: what tests and measurements run against.
//
//     node serve.mjs [--port PORT] [--state DIR]
//
// The bindings are those of wrangler.toml; variables come from the environment (ADMIN_PASSWORD, MASTER_KEY,
// METRICS_TOKEN, CONFIG, LOG, PUBLIC_URL, OIDC_…). Two isolates serve, on an address each, as two locations of Cloudflare would: they share what
// is bound and no memory. Prints `ready ADDRESS:PORT ADDRESS:PORT`, and ends when its standard input does.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Log, LogLevel, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions as readConfiguration } from "wrangler";

const VARIABLES = ["ADMIN_PASSWORD", "MASTER_KEY", "METRICS_TOKEN", "CONFIG", "LOG", "PUBLIC_URL"];
const TYPES = { mjs: "ESModule", js: "ESModule", wasm: "CompiledWasm" };

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: { port: { type: "string", default: "0" }, state: { type: "string" } },
});
const state = options.state ?? mkdtempSync(join(tmpdir(), "gateway-worker-"));

const isOurs = (name) => VARIABLES.includes(name) || name.startsWith("OIDC_");
const names = Object.keys(process.env).filter((name) => isOurs(name) && process.env[name]);

const { workerOptions, main } = readConfiguration(join(here, "wrangler.toml"));
const gateway = {
  ...workerOptions,
  name: "gateway",
  // What wrangler uploads, named as it names it; the entry comes first.
  modules: [main, ...files(dirname(main)).filter((path) => path !== main)].map((path) => ({
    type: TYPES[path.split(".").pop()],
    path,
  })),
  modulesRoot: dirname(main),
  bindings: Object.fromEntries(names.map((name) => [name, process.env[name]])),
};
const miniflare = new Miniflare({
  workers: [
    gateway,
    {
      ...gateway,
      name: "twin",
      durableObjects: Object.fromEntries(
        Object.entries(workerOptions.durableObjects).map(([name, object]) => [
          name,
          { ...object, scriptName: gateway.name },
        ]),
      ),
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    },
  ],
  host: "127.0.0.1",
  port: Number(options.port),
  // Without it miniflare asks the internet where this machine is.
  cf: false,
  log: new Log(LogLevel.WARN),
  kvPersist: join(state, "kv"),
  d1Persist: join(state, "d1"),
  durableObjectsPersist: join(state, "objects"),
});

const address = await miniflare.ready;
const twin = await miniflare.unsafeGetDirectURL("twin");
console.log(`ready ${address.host} ${twin.host}`);
process.stdin.resume();
for (const event of ["end", "close"]) {
  process.stdin.once(event, stop);
}
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, stop);
}

async function stop() {
  await miniflare.dispose();
  if (options.state === undefined) {
    rmSync(state, { recursive: true, force: true });
  }
  process.exit(0);
}

/** The modules below a folder; the panel's scripts are none. */
function files(root) {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.split(".").pop() in TYPES)
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => relative(root, path).split(sep)[0] !== "panel");
}
