//! Jobs of a team's admin, done as a person does them: each with its clicks, which have a bound, and its seconds.
//! All but the first begin on the overview.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { Api } from "./api.mjs";
import { GATEWAY_URL, launch, logIn, withPage } from "./browser.mjs";
import { Hand, tableOf } from "./jobs.mjs";
import { CHANNEL_JOBS } from "./jobs-channels.mjs";
import { GATEWAY_JOBS } from "./jobs-gateway.mjs";
import { KEY_JOBS } from "./jobs-keys.mjs";
import { USAGE_JOBS } from "./jobs-usage.mjs";
import { startUpstream } from "./upstream.mjs";

const done = [];
let browser;
let api;
let upstream;
let usage;
/** Of a login that all jobs share, but those that log in or out themselves. */
let storageState;

before(async () => {
  api = await Api.logIn();
  upstream = await startUpstream();
  usage = upstream.state.usage;
  browser = await launch();
  await withPage(browser, {}, async (page) => {
    await logIn(page);
    storageState = await page.context().storageState();
  });
});

beforeEach(async () => {
  await api.deleteEverything();
  upstream.state.usage = usage;
});

after(async () => {
  await browser?.close();
  await api?.deleteEverything();
  await upstream?.close();
  if (done.length > 0) {
    console.log(tableOf(done));
  }
});

/**
 * A job: `name`; `most`, the bound of its clicks; `stage`, what is there before; `run`, what is done and seen; `refused`,
 * statuses that it provokes; `hasOwnLogin`, because it ends the session; `isFirst`, because it begins with the login.
 */
for (const job of [...CHANNEL_JOBS, ...KEY_JOBS, ...USAGE_JOBS, ...GATEWAY_JOBS]) {
  test(job.name, async () => {
    const world = { api, upstream };
    const stage = await job.stage?.(world);
    const state = job.hasOwnLogin ? {} : { storageState };
    await withPage(browser, { refused: job.refused ?? [], ...state }, async (page) => {
      if (job.isFirst) {
        await page.goto(`${GATEWAY_URL}/admin/`);
        await page.getByLabel("Password").waitFor();
      } else {
        await (job.hasOwnLogin ? logIn(page) : page.goto(`${GATEWAY_URL}/admin/`));
        await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
      }
      const hand = new Hand(page);
      hand.begin();
      await job.run(hand, { ...world, stage });
      const { clicks, seconds } = hand;
      done.push({ name: job.name, clicks, most: job.most, seconds });
      assert.ok(clicks <= job.most, `${clicks} clicks, ${job.most} at most`);
    });
  });
}
