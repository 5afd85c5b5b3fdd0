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

  createKey(key) {
    return this.#call("POST", "/keys", 201, key);
  }

  async channels() {
    return (await this.#call("GET", "/channels", 200)).data;
  }

  async keys() {
    return (await this.#call("GET", "/keys", 200)).data;
  }

  async deleteEverything() {
    for (const { id } of await this.channels()) {
      await this.#call("DELETE", `/channels/${id}`, 204);
    }
    for (const { id } of await this.keys()) {
      await this.#call("DELETE", `/keys/${id}`, 204);
    }
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
export async function chatAs(key, model, expected) {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const response = await fetch(`${GATEWAY_URL}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "Hi" }] }),
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
