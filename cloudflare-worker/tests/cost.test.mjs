// What a request costs on Workers: calls between WebAssembly and JavaScript, calls of Durable Objects, rows that D1 counts.

import assert from "node:assert/strict";
import test from "node:test";
import { PIECES, start } from "./counted.mjs";

/** Calls between the module and JavaScript, either way, for one chat. */
const MOST_CROSSINGS = 40;
/** The same for one further event of a stream, which may come in two pieces. */
const MOST_CROSSINGS_PER_PIECE = 20;
/** Rows written, those that are removed from a full log included. */
const MOST_ROWS = 5;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const sum = (counts) => Object.values(counts).reduce((one, other) => one + other, 0);
const stores = (counts) => Object.keys(counts).filter((name) => /changed|nearby|swap/.test(name));

/** The crossings of the cheapest of some requests: others have work of the background among theirs. */
async function cheapest(gateway, request) {
  let best;
  for (let round = 0; round < 12; round += 1) {
    await gateway.crossings();
    await request();
    await pause(30);
    const counts = await gateway.crossings();
    if (best === undefined || sum(counts) < sum(best)) best = counts;
  }
  return best;
}

test("a request costs no more than it did", async (context) => {
  const gateway = await start();
  context.after(() => gateway.stop());
  await gateway.chat();

  await context.test("crossings of a chat", async (context) => {
    const counts = await cheapest(gateway, () => gateway.chat());
    context.diagnostic(`${sum(counts)} crossings: ${JSON.stringify(counts)}`);
    assert.ok(sum(counts) <= MOST_CROSSINGS, `${sum(counts)}: ${JSON.stringify(counts)}`);
  });

  await context.test("crossings of a stream's pieces", async (context) => {
    const whole = await cheapest(gateway, () => gateway.chat());
    const stream = await cheapest(gateway, () => gateway.chat({ stream: true }));
    const each = (sum(stream) - sum(whole)) / PIECES;
    context.diagnostic(`${each} crossings per piece: ${JSON.stringify(stream)}`);
    assert.ok(each <= MOST_CROSSINGS_PER_PIECE, `${each}: ${JSON.stringify(stream)}`);
  });

  await context.test("no store is asked twice within a second, and none before an answer", async () => {
    await pause(2_100);
    // The copies are checked beside these.
    await gateway.chat();
    await gateway.chat();
    await pause(100);
    await gateway.crossings();
    for (let round = 0; round < 5; round += 1) await gateway.chat();
    assert.deepEqual(stores(await gateway.crossings()), []);
  });

  await context.test("rows that D1 counts", async (context) => {
    await pause(700);
    const database = await gateway.miniflare.getD1Database("LEDGER");
    const { results } = await database.prepare("SELECT * FROM request WHERE sums IS NOT NULL ORDER BY seq DESC LIMIT 1").run();
    const [{ seq: _, sums, ...row }] = results;
    const [usage, tallies, actors] = JSON.parse(sums).map((part) => JSON.stringify(part));
    const batch = "INSERT INTO ledger_batch (requests, usage, tallies, actors) VALUES (?1, ?2, ?3, ?4)";
    const rounds = 640;
    let rows = 0;
    let read = 0;
    for (let round = 0; round < rounds; round += 1) {
      const values = { ...row, id: `req_${String(round).padStart(28, "0")}`, time_ms: row.time_ms + round };
      const requests = JSON.stringify([Object.values(values)]);
      const { meta } = await database.prepare(batch).bind(requests, usage, tallies, actors).run();
      rows += meta.rows_written;
      read += meta.rows_read;
    }
    const oldest = "SELECT seq FROM request WHERE seq <= (SELECT seq FROM ledger_filed) ORDER BY seq LIMIT 500";
    const removed = await database.prepare(`DELETE FROM request WHERE seq IN (${oldest})`).run();
    rows += (removed.meta.rows_written * rounds) / 500;
    const counted = await database.prepare("SELECT sum(requests) AS requests FROM usage_hour WHERE hour = -1").first();
    context.diagnostic(`${rows / rounds} rows written and ${read / rounds} read per request; ${counted.requests} filed`);
    assert.ok(rows / rounds <= MOST_ROWS, `${rows / rounds} rows per request`);
    assert.ok(counted.requests >= rounds - 64);
  });
});
