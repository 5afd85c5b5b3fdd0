// The built worker in workerd with an upstream, its crossings between WebAssembly and JavaScript counted: what the tests of
// cost measure. Owns how they are counted.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Log, LogLevel, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions as readConfiguration } from "wrangler";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..");
const TYPES = { mjs: "ESModule", js: "ESModule", wasm: "CompiledWasm" };
const INSTANCE = "new WebAssembly.Instance(wasmModule, __wbg_get_imports())";

/** Wraps every function that one side calls of the other. */
const COUNTING = `
const crossings = (globalThis.crossings = {});
function counted(functions) {
  const wrapped = {};
  for (const [name, it] of Object.entries(functions)) {
    wrapped[name] = typeof it !== "function" ? it : (...values) => {
      crossings[name] = (crossings[name] ?? 0) + 1;
      return it(...values);
    };
  }
  return wrapped;
}
function countedInstance() {
  const imports = Object.entries(__wbg_get_imports()).map(([from, functions]) => [from, counted(functions)]);
  const { exports } = new WebAssembly.Instance(wasmModule, Object.fromEntries(imports));
  return { exports: counted(exports) };
}
`;

const ENTRY = `
import worker from "./worker.mjs";
export { Allowance, Records } from "./worker.mjs";
export default {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname !== "/__crossings") return worker.fetch(request, env, context);
    const taken = { ...globalThis.crossings };
    for (const name of Object.keys(globalThis.crossings)) delete globalThis.crossings[name];
    return Response.json(taken);
  },
};
`;

const ANSWER = {
  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 1 },
};
/** Events of a stream beside its first and its last one. */
export const PIECES = 10;

/** An upstream that answers chats, in events if asked, and counts its calls. */
async function upstream() {
  const state = { calls: 0, fails: false };
  const server = createServer(async (request, response) => {
    state.calls += 1;
    let body = "";
    for await (const piece of request) body += piece;
    if (state.fails) {
      response.writeHead(401, { "content-type": "application/json" }).end("{}");
    } else if (!JSON.parse(body || "{}").stream) {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(ANSWER));
    } else {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (let piece = 0; piece <= PIECES; piece += 1) {
        response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "hi" }, finish_reason: null }] })}\n\n`);
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
      response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}\n\n`);
      response.end("data: [DONE]\n\n");
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { state, url: `http://127.0.0.1:${server.address().port}/v1`, close: () => server.close() };
}

/** A gateway with one channel and one client key. */
export async function start() {
  const build = mkdtempSync(join(tmpdir(), "gateway-counted-"));
  cpSync(join(folder, "build"), build, { recursive: true });
  const index = join(build, "index.js");
  const text = readFileSync(index, "utf8");
  if (text.split(INSTANCE).length < 3) throw new Error("the module is instantiated in another way");
  writeFileSync(index, text.replaceAll(INSTANCE, "countedInstance()").replace("let wasmInstance", `${COUNTING}\nlet wasmInstance`));
  writeFileSync(join(build, "counted.mjs"), ENTRY);
  const { workerOptions } = readConfiguration(join(folder, "wrangler.toml"));
  const modules = ["counted.mjs", ...readdirSync(build).filter((name) => name.includes("."))].filter(
    (name, place, names) => names.indexOf(name) === place && name.split(".").pop() in TYPES,
  );
  const { assets: _, ...options } = workerOptions;
  const miniflare = new Miniflare({
    ...options,
    modules: modules.map((name) => ({ type: TYPES[name.split(".").pop()], path: join(build, name) })),
    modulesRoot: build,
    bindings: { ADMIN_PASSWORD: "correct horse" },
    cf: false,
    log: new Log(LogLevel.WARN),
  });
  const provider = await upstream();
  const call = async (path, init = {}) => await miniflare.dispatchFetch(`http://gateway${path}`, init);
  const post = async (path, key, body) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${key}` };
    const answer = await call(path, { method: "POST", headers, body: JSON.stringify(body) });
    const said = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${said}`);
    return said;
  };
  const { token } = JSON.parse(await post("/admin/api/login", "none", { password: "correct horse" }));
  const channel = { name: "a", base_url: provider.url, keys: ["upstream-key"], models: ["m"] };
  await post("/admin/api/channels", token, channel);
  const { key } = JSON.parse(await post("/admin/api/keys", token, { name: "k" }));
  const chat = (more = {}) => post("/v1/chat/completions", key, { model: "m", messages: [], ...more });
  return {
    miniflare,
    provider,
    token,
    key,
    call,
    post,
    chat,
    /** The crossings since the last time, by name. */
    crossings: async () => await (await call("/__crossings")).json(),
    async stop() {
      await miniflare.dispose();
      provider.close();
      rmSync(build, { recursive: true, force: true });
    },
  };
}
