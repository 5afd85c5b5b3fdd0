// The Durable Objects: where one decision at a time is made. They keep values and run transactions; what is in them is
// the business of the gateway's core.
//
// In JavaScript, since an object outlives a crash of the WebAssembly module, which would leave its Rust half broken.

import { DurableObject } from "cloudflare:workers";

/** How long until a configuration that did not reach KV is sent again. */
const RETRY_MILLISECONDS = 5_000;
/** The record that a new isolate reads from KV while this object does not answer. */
const PUBLISHED = "gateway/config";

/** The records of the gateway with compare-and-swap. There is one such object. */
export class Records extends DurableObject {
  #publishing = null;

  constructor(context, env) {
    super(context, env);
    this.sql = context.storage.sql;
    this.sql.exec(
      "CREATE TABLE IF NOT EXISTS record (name TEXT PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID",
    );
    const columns = this.sql.exec("SELECT 1 FROM pragma_table_info('record') WHERE name = 'version'");
    if (columns.toArray().length === 0) {
      this.sql.exec("ALTER TABLE record ADD COLUMN version INTEGER NOT NULL DEFAULT 1");
    }
  }

  /** The record's value, or `null`. */
  read(name) {
    const rows = this.sql.exec("SELECT value FROM record WHERE name = ?1", name).toArray();
    return rows.length === 0 ? null : new Uint8Array(rows[0].value);
  }

  /** The record's version and value, or `null` if the version is the known one. */
  changed(name, known) {
    const rows = this.sql.exec("SELECT version FROM record WHERE name = ?1", name).toArray();
    const version = rows.length === 0 ? 0 : rows[0].version;
    return version === known ? null : { version, value: this.read(name) };
  }

  /** Replaces the record if it is `expected` (`null`: absent); tells whether it was. */
  async swap(name, expected, next) {
    // Nothing is awaited in between, so that no other call comes in between.
    if (!equal(this.read(name), expected)) {
      return false;
    }
    this.sql.exec(
      "INSERT INTO record (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value, version = version + 1",
      name,
      next,
    );
    if (name === PUBLISHED) {
      await this.#publish();
    }
    return true;
  }

  /** Tries again what did not reach KV. */
  async alarm() {
    await this.#publish();
  }

  /** Brings the configuration to KV. One call at a time: an older value must not arrive after a newer one. */
  async #publish() {
    while (this.#publishing !== null) {
      await this.#publishing;
    }
    this.#publishing = this.#put();
    await this.#publishing;
  }

  async #put() {
    try {
      await this.env.CONFIGURATION.put(PUBLISHED, this.read(PUBLISHED));
    } catch (error) {
      console.log(`configuration not in KV yet: ${error?.message}`);
      await this.ctx.storage.setAlarm(Date.now() + RETRY_MILLISECONDS);
    } finally {
      this.#publishing = null;
    }
  }
}

/** What one client key has used of its limits. There is one such object per key. */
export class Allowance extends DurableObject {
  /** Runs the statements in one transaction; the shapes are those of the ledger's. */
  transact(statements) {
    const { sql } = this.ctx.storage;
    return this.ctx.storage.transactionSync(() => {
      const answers = JSON.parse(statements).map(([text, parameters]) => [
        ...sql.exec(text, ...parameters).raw(),
      ]);
      return JSON.stringify(answers);
    });
  }
}

function equal(one, other) {
  if (one === null || other === null || other === undefined) {
    return one === null && (other === null || other === undefined);
  }
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
