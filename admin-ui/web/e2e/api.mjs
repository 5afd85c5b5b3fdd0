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

  async createChannel(channel) {
    return this.#call("POST", "/channels", 201, channel);
  }

  async deleteChannel(id) {
    await this.#call("DELETE", `/channels/${id}`, 204);
  }

  async deleteAllChannels() {
    const { data } = await this.#call("GET", "/channels", 200);
    for (const { id } of data) {
      await this.deleteChannel(id);
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
