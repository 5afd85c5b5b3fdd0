// A bare pass-through worker in workerd, for the benchmark: forwards, decides nothing. What it takes is what the runtime
// takes.
//
//     node pass-through.mjs UPSTREAM
//
// Prints `ready ADDRESS:PORT`, and ends when its standard input does.

import { Log, LogLevel, Miniflare } from "miniflare";

const SCRIPT = `export default {
  fetch(request, { UPSTREAM }) {
    const { pathname, search } = new URL(request.url);
    return fetch(new Request(UPSTREAM + pathname + search, request));
  },
};`;

const miniflare = new Miniflare({
  modules: true,
  script: SCRIPT,
  bindings: { UPSTREAM: process.argv[2] },
  compatibilityDate: "2026-04-01",
  host: "127.0.0.1",
  port: 0,
  // Without it miniflare asks the internet where this machine is.
  cf: false,
  log: new Log(LogLevel.WARN),
});

const { host } = await miniflare.ready;
console.log(`ready ${host}`);
process.stdin.resume();
for (const event of ["end", "close"]) {
  process.stdin.once(event, stop);
}
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, stop);
}

async function stop() {
  await miniflare.dispose();
  process.exit(0);
}
