//! A real OIDC provider and a gateway that knows it, both on the loopback: since variables are read when a gateway starts,
//! these tests need their own one.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM =
  process.env.LOCAL_HOST ??
  fileURLToPath(new URL("../../../target/release/local-host", import.meta.url));
const MANIFEST = fileURLToPath(new URL("../../../spin.toml", import.meta.url));
const CLIENT = { client_id: "gateway", client_secret: "a-secret-of-the-gateway-at-the-provider" };

/** Groups of the users; any name and password is taken. */
const GROUPS = { anna: ["gateway-admins", "staff"], olga: ["gateway-owners"], vera: ["staff"] };

/** Starts both; `close` ends them. */
export async function startOidc() {
  const server = createServer((request, response) => handle(request, response));
  let handle = (_, response) => response.writeHead(503).end();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const gateway = await startGateway(issuer);
  handle = await provider(issuer, `${gateway.url}/admin/api/oidc/callback`);
  return {
    issuer,
    url: gateway.url,
    async close() {
      await gateway.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

async function provider(issuer, redirectUri) {
  const { default: Provider } = await quietly(() => import("oidc-provider"));
  const made = await quietly(
    () =>
      new Provider(issuer, {
        clients: [{ ...CLIENT, redirect_uris: [redirectUri] }],
        // As most providers do: the claims of scopes are at the userinfo endpoint, and not in the ID token.
        claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["groups"] },
        ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
        pkce: { required: () => true },
        cookies: { keys: ["a key for the cookies of the provider"] },
        findAccount: (_, id) => ({
          accountId: id,
          claims: () => ({
            sub: id,
            email: `${id}@example.com`,
            email_verified: true,
            groups: GROUPS[id] ?? [],
          }),
        }),
      }),
  );
  return made.callback();
}

/** The provider warns of its own development pages, which is what these tests want. */
async function quietly(work) {
  const { warn, info } = console;
  console.warn = () => undefined;
  console.info = () => undefined;
  try {
    return await work();
  } finally {
    Object.assign(console, { warn, info });
  }
}

async function startGateway(issuer) {
  const state = mkdtempSync(join(tmpdir(), "gateway-oidc-"));
  const args = ["--manifest", MANIFEST, "--listen", "127.0.0.1:0", "--quiet", "--state", state];
  const host = spawn(PROGRAM, [...args, "--ready-message", "ready {addr}"], {
    env: {
      ...process.env,
      SPIN_VARIABLE_ADMIN_PASSWORD: "browser-test-password",
      SPIN_VARIABLE_OIDC_ISSUER: issuer,
      SPIN_VARIABLE_OIDC_CLIENT_ID: CLIENT.client_id,
      SPIN_VARIABLE_OIDC_CLIENT_SECRET: CLIENT.client_secret,
      SPIN_VARIABLE_OIDC_ROLE_CLAIM: "groups",
      SPIN_VARIABLE_OIDC_OWNER_VALUES: "gateway-owners",
      SPIN_VARIABLE_OIDC_ADMIN_VALUES: "gateway-admins",
      SPIN_VARIABLE_OIDC_LABEL: "Example ID",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(host, "exit");
  const lines = createInterface({ input: host.stdout });
  const [line] = await Promise.race([once(lines, "line"), ended.then(() => [""])]);
  if (!line.startsWith("ready ")) {
    throw new Error(`the gateway did not start: ${PROGRAM}`);
  }
  return {
    url: `http://${line.split(" ")[1]}`,
    async close() {
      host.kill();
      await ended;
      rmSync(state, { recursive: true, force: true });
    },
  };
}
