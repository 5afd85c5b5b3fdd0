//! The first minutes: steps that stay until a request was answered, and the way to prices where nothing has one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chatAs } from "./api.mjs";
import { GATEWAY_URL, logIn, withPage } from "./browser.mjs";
import { api, browser, setUp, upstream } from "./stage.mjs";

setUp();

async function stage() {
  await api.createChannel({ name: "One", base_url: upstream.url, keys: [], models: ["alpha"] });
  return api.createKey({ name: "new here" });
}

test("the steps stay until the first request has been answered", async () => {
  const { key, id } = await stage();
  await chatAs(key, "alpha", 200);
  await api.recorded(1, { key: id });
  await withPage(browser, {}, async (page) => {
    // As long as this holds, the panel sees a gateway that has answered no request.
    let isNew = true;
    const nothing = async (route) => {
      if (!isNew) {
        return route.continue();
      }
      const answer = await (await route.fetch()).json();
      return route.fulfill({ json: { ...answer, data: [] } });
    };
    await page.route(/\/admin\/api\/requests\?/, nothing);
    await page.route(/\/admin\/api\/usage\?.*bucket=total&group=none/, nothing);
    await logIn(page);
    const steps = page.getByRole("region", { name: "Three steps to the first answer" });
    const open = steps.getByRole("listitem").filter({ hasText: "To do" });
    await open.getByRole("heading", { name: "Send a request" }).waitFor();
    assert.equal(await steps.getByText("Done", { exact: true }).count(), 2);
    assert.equal(await open.count(), 1);
    await open.getByRole("link", { name: "Open the playground" }).waitFor();

    isNew = false;
    await steps.waitFor({ state: "detached", timeout: 15_000 });
    await page.getByRole("region", { name: "Needs attention" }).waitFor();
  });
});

test("where nothing has a price, the overview leads to the import of prices", async () => {
  const { key, id } = await stage();
  await chatAs(key, "alpha", 200);
  await api.recorded(1, { key: id });
  await withPage(browser, {}, async (page) => {
    await logIn(page);
    await page.goto(`${GATEWAY_URL}/admin/overview?key=${id}`);
    const cost = page.getByRole("region", { name: "Cost" });
    await cost.getByText("none of these models has a price").waitFor();
    await cost.getByRole("link", { name: "Set prices" }).click();
    const prices = page.getByRole("region", { name: "Import prices" });
    await prices.waitFor();
    await page.waitForFunction(() => document.activeElement?.ariaLabel === "Import prices");
    const box = await prices.boundingBox();
    const { height } = page.viewportSize();
    // Scrolling ends at whole pixels.
    assert.ok(box.y > -1 && box.y < height, `the import is at ${box.y} of ${height}`);

    await api.changeSettings({
      prices: { alpha: { prompt: 1_000_000, cached: null, completion: 1_000_000 } },
    });
    await chatAs(key, "alpha", 200);
    const spent = async () =>
      (await api.requests({ key: id })).some((row) => row.cost_micro_usd > 0);
    const deadline = Date.now() + 10_000;
    while (!(await spent())) {
      assert.ok(Date.now() < deadline, "no request has a cost");
      await chatAs(key, "alpha", 200);
    }
    await page.goto(`${GATEWAY_URL}/admin/overview?key=${id}`);
    await page.locator(".chart").filter({ hasText: "Cost" }).locator("canvas").waitFor();
    assert.equal(await page.getByRole("link", { name: "Set prices" }).count(), 0);
  });
});
