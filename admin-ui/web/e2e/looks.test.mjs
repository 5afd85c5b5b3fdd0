//! Every page on a phone and on a desk, light and dark, in both languages: nothing scrolls sideways and
//! axe finds nothing. And what is hostile stays text, wherever it comes from.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Api, chatAs } from "./api.mjs";
import {
  ADMIN_PASSWORD,
  findings,
  GATEWAY_URL,
  launch,
  logIn,
  overflowsSideways,
  withPage,
} from "./browser.mjs";
import { fill } from "./stage.mjs";
import { tour } from "./tour.mjs";
import { startUpstream } from "./upstream.mjs";

const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

let browser;
let api;
let upstream;

before(async () => {
  api = await Api.logIn();
  upstream = await startUpstream();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await api?.deleteEverything();
  await upstream?.close();
});

for (const width of [360, 1280]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`every page at ${width} px in ${colorScheme} colours`, { timeout: 180_000 }, async () => {
      const key = await fill(api, upstream);
      const { id: channelId } = (await api.channels()).find(({ name }) => name === "NVIDIA NIM");
      for (const locale of ["en-GB", "zh-CN"]) {
        const view = { viewport: { width, height: 800 }, colorScheme, locale };
        await withPage(browser, view, async (page) => {
          const look = async (name) => {
            assert.equal(await overflowsSideways(page), false, `${name} in ${locale}`);
            assert.deepEqual(await findings(page), [], `${name} in ${locale}`);
          };
          await page.goto(`${GATEWAY_URL}/admin/`);
          await page.locator("input[type=password]").waitFor();
          await look("login");
          await page.locator("input[type=password]").fill(ADMIN_PASSWORD);
          await page.keyboard.press("Enter");
          await page.locator(".nav").waitFor({ state: "attached" });
          await tour(page, { channelId, key }, look);
        });
      }
    });
  }
}

test("what is hostile stays text: names, models, answers and errors", async () => {
  await api.deleteEverything();
  upstream.state.answer = HOSTILE;
  const made = await api.createChannel({
    name: HOSTILE,
    base_url: upstream.url,
    keys: ["sk-hostile-0123456789-works"],
    models: ["alpha", "broken", HOSTILE],
    model_map: { [HOSTILE]: "alpha" },
  });
  const { key } = await api.createKey({ name: HOSTILE, models: [] });
  await chatAs(key, "alpha", 200);
  await withPage(browser, { refused: [400] }, async (page) => {
    const isText = async (where) => {
      await page.getByText(HOSTILE).first().waitFor();
      assert.equal(await page.locator("#app img[src=x]").count(), 0, where);
      assert.equal(await page.locator("#app script").count(), 0, where);
      assert.ok(!(await page.title()).startsWith("owned"), where);
    };
    await logIn(page);
    await isText("channels");
    await page.goto(`${GATEWAY_URL}/admin/channels/${made.id}`);
    await isText("channel");
    await page.getByRole("button", { name: "Test", exact: true }).click();
    await page.getByLabel("Model", { exact: true }).fill("broken");
    await page.getByRole("button", { name: "Run test" }).click();
    await page.locator(".test__result").getByText(HOSTILE).waitFor();
    await isText("test");
    await page.goto(`${GATEWAY_URL}/admin/keys`);
    await isText("keys");
    await page.goto(`${GATEWAY_URL}/admin/routing`);
    await page.getByLabel("Model", { exact: true }).fill(HOSTILE);
    await page.getByRole("button", { name: "Show order" }).click();
    await page.getByRole("rowheader").getByText(HOSTILE).waitFor();
    await isText("routing");
    await page.goto(`${GATEWAY_URL}/admin/playground`);
    await page.getByLabel("Client key").fill(key);
    await page.getByLabel("Model", { exact: true }).fill("alpha");
    await page.getByLabel("Message").fill(HOSTILE);
    await page.keyboard.press("Enter");
    await page.locator(".turns__text").getByText(HOSTILE).waitFor();
    await isText("playground");
    await page.getByLabel("Model", { exact: true }).fill("broken");
    await page.getByLabel("Message").fill("Break");
    await page.keyboard.press("Enter");
    await page.locator(".turns .notice").getByText(HOSTILE).waitFor();
    await isText("playground's error");
  });
});
