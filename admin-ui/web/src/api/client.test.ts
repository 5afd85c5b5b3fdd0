import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as api from "./client";

afterEach(() => vi.unstubAllGlobals());

/** Every call that the API's document has, with a pattern for its path. */
function documented(): [call: string, pattern: RegExp][] {
  const at = new URL("../../../../crates/gateway-core/src/admin/openapi.json", import.meta.url);
  const { paths } = JSON.parse(readFileSync(at, "utf8")) as { paths: Record<string, object> };
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method): [string, RegExp] => [
      `${method.toUpperCase()} ${path}`,
      new RegExp(`^${method.toUpperCase()} /admin/api${path.replace("{id}", "\\w+")}$`),
    ]),
  );
}

/** Answers with these in turn, and notes what was asked. */
function answering(...answers: { status: number; body?: unknown }[]): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (url: string, { method }: RequestInit) => {
    asked.push(`${method} ${url.split("?")[0]}`);
    const { status, body } = answers.shift() ?? { status: 500 };
    return Promise.resolve(
      new Response(body === undefined ? "" : JSON.stringify(body), { status }),
    );
  });
  return asked;
}

describe("every call of the client", () => {
  const calls = {
    login: () => api.login({ password: "p" }),
    loginOptions: () => api.loginOptions(),
    listAccounts: () => api.listAccounts(),
    createAccount: () => api.createAccount({}),
    changeAccount: () => api.changeAccount("ac_1", {}, null),
    deleteAccount: () => api.deleteAccount("ac_1", null),
    changePassword: () => api.changePassword("p", "q"),
    newTotpSecret: () => api.newTotpSecret(),
    setTotp: () => api.setTotp({ current: "p", secret: null }),
    ownKey: () => api.ownKey(),
    ownAllowance: () => api.ownAllowance(),
    ownUsage: () => api.ownUsage("a", "b"),
    ownRequests: () => api.ownRequests(null),
    logout: () => api.logout(),
    session: () => api.session(),
    listChannels: () => api.listChannels(),
    showChannel: () => api.showChannel("ch_1"),
    createChannel: () => api.createChannel({}),
    changeChannel: () => api.changeChannel("ch_1", {}),
    deleteChannel: () => api.deleteChannel("ch_1"),
    testChannel: () => api.testChannel("ch_1", { stream: true }),
    upstreamModels: () => api.upstreamModels("ch_1"),
    listKeys: () => api.listKeys(),
    showKey: () => api.showKey("ck_1"),
    createKey: () => api.createKey({}),
    changeKey: () => api.changeKey("ck_1", {}),
    deleteKey: () => api.deleteKey("ck_1"),
    playgroundKey: () => api.playgroundKey(true),
    status: () => api.status(),
    dryRun: () => api.dryRun("a/b?c"),
    exportConfig: () => api.exportConfig(true),
    importConfig: () => api.importConfig({}, '"1"'),
  };

  it.each(Object.entries(calls))("%s is in the API's document", async (_, call) => {
    const asked = answering();
    await call();
    const known = documented().filter(([, pattern]) => pattern.test(asked[0] ?? ""));
    expect(known, asked[0]).toHaveLength(1);
  });
});

describe("a session that is over", () => {
  const over = { status: 401 };
  const list = { status: 200, body: { data: [] } };

  it("is renewed once, and the call repeated", async () => {
    const asked = answering(over, list);
    api.onSessionOver(() => Promise.resolve(true));
    expect(await api.listKeys()).toEqual({ ok: true, value: [] });
    expect(asked).toHaveLength(2);
  });

  it("is over for the call when it is not renewed", async () => {
    const asked = answering(over, list);
    api.onSessionOver(() => Promise.resolve(false));
    expect(await api.listKeys()).toMatchObject({ ok: false, failure: { status: 401 } });
    expect(asked).toHaveLength(1);
  });

  it("is an answer to the question about the session", async () => {
    answering(over);
    const renew = vi.fn(() => Promise.resolve(true));
    api.onSessionOver(renew);
    expect(await api.session()).toMatchObject({ ok: false });
    expect(renew).not.toHaveBeenCalled();
  });
});

describe("a change", () => {
  it("names the state that it is for, and is answered with the new one", async () => {
    const sent: (string | undefined)[] = [];
    vi.stubGlobal("fetch", (_: string, { headers }: RequestInit) => {
      sent.push((headers as Record<string, string>)["if-match"]);
      const body = JSON.stringify({
        id: "ck_1",
        name: "a",
        hint: "…",
        enabled: true,
        models: [],
        limits: {},
        created_at: "",
      });
      // As a proxy weakens it that compresses.
      return Promise.resolve(new Response(body, { headers: { etag: 'W/"new"' } }));
    });
    const result = await api.changeKey("ck_1", {}, "old");
    expect(result).toMatchObject({ ok: true, value: { revision: "new" } });
    await api.changeKey("ck_1", {});
    await api.deleteKey("ck_1", "new");
    expect(sent).toEqual(['"old"', undefined, '"new"']);
  });
});

describe("an answer that is asked for again", () => {
  it("is not sent twice, and stays the same object until it changes", async () => {
    const asked: (string | undefined)[] = [];
    const answers = [
      { status: 200, etag: 'W/"1"', name: "one" },
      { status: 304, etag: 'W/"1"', name: null },
      { status: 200, etag: 'W/"2"', name: "two" },
    ];
    vi.stubGlobal("fetch", (_: string, { headers }: { headers: Record<string, string> }) => {
      asked.push(headers["if-none-match"]);
      const { status, etag, name } = answers[asked.length - 1] ?? { status: 500, etag: "" };
      const stated = {
        now: "2026-11-30T00:00:00Z",
        data: [],
        problems: [name],
        dropped_records: 0,
        replaced_ledger: null,
      };
      const body = name === null ? null : JSON.stringify(stated);
      return Promise.resolve(new Response(body, { status, headers: { etag } }));
    });
    const [first, second, third] = [await api.status(), await api.status(), await api.status()];
    expect(asked).toEqual([undefined, 'W/"1"', 'W/"1"']);
    if (!(first.ok && second.ok && third.ok)) {
      throw new Error("an answer failed");
    }
    expect(second.value).toBe(first.value);
    expect(third.value.problems).toEqual(["two"]);
  });
});
