//! Alerts as an admin sets them up: a destination that is tried before it is saved, and fields that stand in line.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { findings, logIn, withPage } from "./browser.mjs";
import { api, browser, setUp, upstream } from "./stage.mjs";

setUp();
after(() => api?.changeAlerts({ destinations: [] }));

test("a destination is tested as it is typed, and nothing is saved by that", async () => {
  await withPage(browser, { refused: [400] }, async (page) => {
    await logIn(page, "Alerts");
    await page.getByRole("button", { name: "Add destination" }).click();
    const send = page.getByRole("button", { name: "Send test" });
    await send.click();
    await page.getByRole("status").filter({ hasText: "url" }).waitFor();
    await page.getByLabel("Webhook URL").fill(`${upstream.url}/models`);
    const { requests } = upstream.state;
    await send.click();
    await page.getByText(/^Test sent in/).waitFor();
    assert.equal(upstream.state.requests, requests + 1);
    assert.deepEqual(await destinations(), []);

    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved.").waitFor();
    assert.equal((await destinations()).length, 1);
    // The URL is not typed again: it is the one that is stored.
    await send.click();
    await page.getByText(/^Test sent in/).waitFor();
    assert.equal(upstream.state.requests, requests + 2);
    assert.deepEqual(await findings(page), []);
  });
});

const destinations = async () => (await api.alerts()).destinations;

test("the fields of the rules stand in line, however long their labels are", async () => {
  for (const width of [1440, 1280, 1024]) {
    await withPage(browser, { viewport: { width, height: 900 } }, async (page) => {
      await logIn(page, "Alerts");
      const fields = page.locator(".columns--three input");
      await fields.first().waitFor();
      const boxes = await fields.evaluateAll((all) =>
        all.map((element) => element.getBoundingClientRect().toJSON()),
      );
      const lefts = [...new Set(boxes.map(({ left }) => left))];
      const tops = lefts.map((left) =>
        boxes.filter((box) => box.left === left).map(({ top }) => Math.round(top)),
      );
      assert.equal(tops.length, 3, `${width}: ${JSON.stringify(tops)}`);
      for (const column of tops) {
        assert.deepEqual(column, tops[0].slice(0, column.length), `at ${width} px`);
      }
    });
  }
});
