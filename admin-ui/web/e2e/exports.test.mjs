//! Usage as those see it who must account for it: sorted by cost, compared with the period before, and taken along as CSV.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { chatAs } from "./api.mjs";
import { findings, GATEWAY_URL, logIn, overflowsSideways, withPage } from "./browser.mjs";
import { api, browser, setUp, upstream } from "./stage.mjs";

/** More than the gateway reads at once. */
const MANY = 520;
const AT_ONCE = 20;

setUp();

/** A channel of two models with prices, and a key. */
async function stage() {
  await api.createChannel({
    name: "One",
    base_url: upstream.url,
    keys: [],
    models: ["alpha", "beta"],
  });
  const price = (prompt) => ({ prompt, cached: null, completion: 0 });
  await api.changeSettings({
    prices: { alpha: price(1_000_000_000_000), beta: price(1_000_000_000) },
  });
  return api.createKey({ name: "=accounting" });
}

/** Three requests of the cheap model and one of the dear one. */
async function use({ key, id }) {
  for (const model of ["beta", "beta", "beta", "alpha"]) {
    await chatAs(key, model, 200);
  }
  await api.recorded(4, { key: id });
}

async function downloaded(page, link) {
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  const text = await readFile(await download.path(), "utf8");
  const rows = text.split("\r\n");
  assert.equal(rows.pop(), "", "the last row has an end");
  return { name: download.suggestedFilename(), rows };
}

test("usage is sorted by each column, and exported as it is filtered", async () => {
  const made = await stage();
  await use(made);
  await withPage(browser, {}, async (page) => {
    await logIn(page);
    await page.goto(`${GATEWAY_URL}/admin/overview?key=${made.id}`);
    const table = page.getByRole("table", { name: "By model" });
    const names = () => table.getByRole("rowheader").allTextContents();
    await table.getByRole("rowheader").nth(1).waitFor();
    assert.deepEqual(await names(), ["beta", "alpha"]);
    const colour = () =>
      table
        .getByRole("row")
        .filter({ hasText: "alpha" })
        .locator(".swatch")
        .evaluate((element) => getComputedStyle(element).color);
    const second = await colour();

    const head = table.getByRole("columnheader", { name: "Cost" });
    assert.equal(await head.getAttribute("aria-sort"), "none");
    await head.getByRole("button").click();
    await page.waitForFunction(() => location.search.includes("sort=cost"));
    await table.getByRole("rowheader").filter({ hasText: "alpha" }).first().waitFor();
    await page.waitForFunction(() =>
      document.querySelector(".members tbody th")?.textContent?.includes("alpha"),
    );
    assert.equal(await head.getAttribute("aria-sort"), "descending");
    assert.notEqual(await colour(), second, "the first has the first colour");
    await head.getByRole("button").click();
    await page.waitForFunction(() =>
      document.querySelector(".members tbody th")?.textContent?.includes("beta"),
    );
    assert.equal(await head.getAttribute("aria-sort"), "ascending");

    const totals = await downloaded(page, page.getByRole("link", { name: "Export totals as CSV" }));
    assert.match(totals.name, /^usage-\d{4}-\d\d-\d\d\.csv$/);
    assert.match(totals.rows[0], /^bucket,model,requests,errors,.*,cost_micro_usd,cost_usd,/);
    assert.equal(totals.rows.length, 3);
    assert.match(totals.rows[1], /^[^,]*,alpha,1,0,.*,11000000,11\.000000,/);
    assert.match(totals.rows[2], /^[^,]*,beta,3,0,.*,33000,0\.033000,/);

    await page.getByRole("button", { name: "By key" }).click();
    await page.getByRole("table", { name: "By key" }).waitFor();
    const hours = await downloaded(page, page.getByRole("link", { name: "Export CSV" }));
    assert.match(hours.rows[0], /^bucket,key,key_name,requests,/);
    assert.ok(hours.rows.length >= 2);
    for (const row of hours.rows.slice(1)) {
      assert.match(row, new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d:00:00Z,${made.id},'=accounting,`));
    }
  });
});

test("a period is compared with the one before it", async () => {
  const made = await stage();
  await use(made);
  await withPage(browser, {}, async (page) => {
    await page.addInitScript(() => {
      window.drawn = { dashes: 0, texts: [] };
      const { setLineDash, fillText } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.setLineDash = function (dash) {
        window.drawn.dashes += dash.length > 0 ? 1 : 0;
        return setLineDash.call(this, dash);
      };
      CanvasRenderingContext2D.prototype.fillText = function (text, ...more) {
        window.drawn.texts.push(text);
        return fillText.call(this, text, ...more);
      };
    });
    // The gateway of a test has no day before: it answers with two requests an hour before the period.
    await page.route(/\/admin\/api\/usage\?/, async (route) => {
      const asked = new URL(route.request().url()).searchParams;
      const to = Date.parse(asked.get("to"));
      if (asked.get("group") !== "none" || !(to < Date.now())) {
        return route.continue();
      }
      const response = await route.fetch();
      const answer = await response.json();
      assert.deepEqual(answer.data, [], "nothing was before");
      const [row] = await page.evaluate(
        async (query) => {
          const { data } = await (await fetch(`/admin/api/usage?${query}`)).json();
          return data;
        },
        `group=none&bucket=hour&key=${asked.get("key")}`,
      );
      const bucket = new Date(to - 3_600_000).toISOString();
      return route.fulfill({
        response,
        json: { ...answer, data: [{ ...row, bucket, requests: 2 }] },
      });
    });
    await logIn(page);
    await page.goto(`${GATEWAY_URL}/admin/overview?key=${made.id}`);
    const chart = page.getByRole("region", { name: "Requests", exact: true });
    await chart.getByText("4", { exact: true }).waitFor();
    await chart.locator("canvas").waitFor();
    assert.equal(await page.evaluate(() => window.drawn.dashes), 0);

    const compare = page.getByRole("switch", { name: "Compare with the previous period" });
    await compare.click();
    await chart.getByText("+100%").waitFor();
    await chart.getByText("previous period: 2").waitFor({ state: "attached" });
    await page.waitForFunction(() => window.drawn.dashes > 0);
    assert.equal(await compare.getAttribute("aria-checked"), "true");
    await page.waitForFunction(() => location.search.includes("compare=previous"));
    await page.getByText("As a table").click();
    const rows = page.getByRole("table", { name: "As a table" }).getByRole("row");
    await rows.last().getByText("4 (2)", { exact: true }).waitFor();
    assert.deepEqual(await findings(page), []);
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      assert.equal(await overflowsSideways(page), false, `${width} px`);
    }

    // Counts have no halves: neither the axis of four requests nor that of no errors.
    const texts = await page.evaluate(() => window.drawn.texts);
    assert.ok(texts.includes("4") || texts.includes("2"), `${texts}`);
    assert.deepEqual(
      texts.filter((text) => /^\d+\.\d+$/.test(text)),
      [],
    );
  });
});

test("a log of several pages is downloaded whole, and a filtered one in part", async () => {
  const made = await stage();
  await chatAs(made.key, "beta", 200);
  for (let sent = 1; sent < MANY; sent += AT_ONCE) {
    const turns = Math.min(AT_ONCE, MANY - sent);
    await Promise.all(Array.from({ length: turns }, () => chatAs(made.key, "beta", 200)));
  }
  await chatAs(made.key, "unknown-model", 404);
  await api.recorded(1, { key: made.id, status: "404" });
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Requests");
    await page.getByLabel("Client key", { exact: true }).selectOption("=accounting");
    const link = page.getByRole("link", { name: "Export CSV" });
    const all = await downloaded(page, link);
    assert.match(all.name, /^requests-\d{4}-\d\d-\d\d\.csv$/);
    assert.equal(all.rows.length, 1 + MANY + 1);
    assert.match(all.rows[0], /^id,time,key,key_name,channel,channel_name,/);
    const ids = all.rows.slice(1).map((row) => row.split(",")[0]);
    assert.equal(new Set(ids).size, MANY + 1, "no request comes twice");

    await page.getByLabel("Status").selectOption("error");
    await page.getByText("1 shown").waitFor();
    const errors = await downloaded(page, link);
    assert.equal(errors.rows.length, 2);
    assert.ok(errors.rows[1].includes("model_not_found"), errors.rows[1]);
  });
});
