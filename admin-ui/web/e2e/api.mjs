//! The admin API, as far as the browser tests need it to set the stage.
import assert from "node:assert/strict";
import { ADMIN_PASSWORD, GATEWAY_URL } from "./browser.mjs";

export class Api {
  #token;

  static async logIn() {
    const api = new Api();
    const { token } = await api.#call("POST", "/login", 200, { password: ADMIN_PASSWORD });
    api.#token = token;
    return api;
  }

  createChannel(channel) {
    return this.#call("POST", "/channels", 201, channel);
  }

  changeChannel(id, change) {
    return this.#call("PATCH", `/channels/${id}`, 200, change);
  }

  changeKey(id, change) {
    return this.#call("PATCH", `/keys/${id}`, 200, change);
  }

  /** The old one stays valid for a day. */
  rotateKey(id) {
    return this.#call("POST", `/keys/${id}/rotate`, 200, { grace_s: 86_400 });
  }

  createKey(key) {
    return this.#call("POST", "/keys", 201, key);
  }

  async channels() {
    return (await this.#call("GET", "/channels", 200)).data;
  }

  async keys(search = "") {
    const query = search === "" ? "" : `?q=${search}`;
    return (await this.#call("GET", `/keys${query}`, 200)).data;
  }

  /** Another value for the playground's key, as another tab would ask for it. */
  replacePlaygroundKey() {
    return this.#call("POST", "/playground/key", 200, { rotate: true });
  }

  /** Also where there is none of this name. */
  async deleteAccount(name) {
    const { data } = await this.#call("GET", "/accounts", 200);
    for (const { id } of data.filter((one) => one.name === name)) {
      await this.#call("DELETE", `/accounts/${id}`, 204);
    }
  }

  /** No channels, no keys, and the settings as they are at first. The ledger keeps what was. */
  async deleteEverything() {
    await this.#call("PUT", "/config", 200, { version: 1, channels: [], keys: [], settings: {} });
  }

  /** A whole configuration in place of what is there. */
  async replaceEverything({ channels, keys }) {
    await this.#call("PUT", "/config", 200, { version: 1, channels, keys, settings: {} });
  }

  async changeSettings(change) {
    const document = await this.#call("GET", "/config?secrets=true", 200);
    const settings = { ...document.settings, ...change };
    await this.#call("PUT", "/config", 200, { ...document, settings });
  }

  async settings() {
    return (await this.#call("GET", "/config", 200)).settings;
  }

  async requests(filters = {}) {
    return (await this.#call("GET", `/requests?${new URLSearchParams(filters)}`, 200)).data;
  }

  /** Asks until the log has at least so many of these, which takes a second at most. */
  async recorded(count, filters) {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const rows = await this.requests(filters);
      if (rows.length >= count) {
        return rows;
      }
      assert.ok(Date.now() < deadline, `${rows.length} of ${count} requests are in the log`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async accounts() {
    return (await this.#call("GET", "/accounts", 200)).data;
  }

  createAccount(account) {
    return this.#call("POST", "/accounts", 201, account);
  }

  changeAccount(id, change) {
    return this.#call("PATCH", `/accounts/${id}`, 200, change);
  }

  async deleteAccounts() {
    for (const { id } of await this.accounts()) {
      await this.#call("DELETE", `/accounts/${id}`, 204);
    }
  }

  alerts() {
    return this.#call("GET", "/alerts", 200);
  }

  changeAlerts(change) {
    return this.#call("PATCH", "/alerts", 200, change);
  }

  async #call(method, path, status, body) {
    const response = await fetch(`${GATEWAY_URL}/admin/api${path}`, {
      method,
      headers: {
        "content-type": "application/json",
        ...(this.#token ? { authorization: `Bearer ${this.#token}` } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    assert.equal(response.status, status, `${method} ${path}: ${text}`);
    return text ? JSON.parse(text) : undefined;
  }
}

/** One request as a client makes it, asked again until the gateway knows a new key. */
export async function chatAs(key, model, expected, more = {}) {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const response = await fetch(`${GATEWAY_URL}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "Hi" }], ...more }),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (response.status === expected) {
      return;
    }
    assert.ok(Date.now() < deadline, `${model}: ${response.status} ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
