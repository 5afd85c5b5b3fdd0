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
import { emptyTeam, fillTeam, tourOfPeople, tourOfTeam } from "./tour-team.mjs";
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
  await emptyTeam(api);
  await upstream?.close();
});

/** For people to look at, on demand. */
async function picture(page, name) {
  if (process.env.PICTURES) {
    const path = `${process.env.PICTURES}/${name.replaceAll(" ", "-")}.png`;
    await page.screenshot({ path, fullPage: true });
  }
}

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

    test(`what a team sees at ${width} px, ${colorScheme}`, { timeout: 180_000 }, async () => {
      const key = await fill(api, upstream);
      for (const locale of ["en-GB", "zh-CN"]) {
        const view = { viewport: { width, height: 800 }, colorScheme, locale };
        await fillTeam(api);
        const look = async (page, name) => {
          await picture(page, `${name} ${width} ${colorScheme} ${locale}`);
          assert.equal(await overflowsSideways(page), false, `${name} in ${locale}`);
          assert.deepEqual(await findings(page), [], `${name} in ${locale}`);
        };
        await withPage(browser, view, async (page) => {
          await page.goto(`${GATEWAY_URL}/admin/`);
          await page.locator("input[type=password]").fill(ADMIN_PASSWORD);
          await page.keyboard.press("Enter");
          await page.locator(".nav").waitFor({ state: "attached" });
          await tourOfTeam(page, (name) => look(page, name));
        });
        await withPage(browser, view, (page) =>
          tourOfPeople(page, key, (name) => look(page, name)),
        );
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
  await api.createChannel({ name: "Other", base_url: upstream.url, keys: [], priority: 1 });
  await api.changeSettings({
    prices: { [HOSTILE]: { prompt: 1_000_000, cached: null, completion: 1_000_000 } },
  });
  const { key, id } = await api.createKey({ name: HOSTILE, models: [] });
  await chatAs(key, HOSTILE, 200);
  await api.recorded(1, { key: id });
  await withPage(browser, { refused: [400] }, async (page) => {
    const isText = async (where) => {
      await page.getByText(HOSTILE).filter({ visible: true }).first().waitFor();
      assert.equal(await page.locator("#app img[src=x]").count(), 0, where);
      assert.equal(await page.locator("#app script").count(), 0, where);
      assert.ok(!(await page.title()).startsWith("owned"), where);
    };
    await logIn(page);
    await isText("overview");
    for (const group of ["model", "channel", "key"]) {
      await page.goto(`${GATEWAY_URL}/admin/overview?group=${group}&key=${id}`);
      await page.getByRole("rowheader").getByText(HOSTILE).waitFor();
      await isText(`overview by ${group}`);
    }
    await page.goto(`${GATEWAY_URL}/admin/requests?model=${encodeURIComponent(HOSTILE)}`);
    await page.locator(".log__open").first().click();
    await page.locator(".waterfall").getByText(HOSTILE).waitFor();
    await isText("requests");
    await page.goto(`${GATEWAY_URL}/admin/channels`);
    await isText("channels");
    await page.getByRole("button", { name: "Arrange traffic" }).click();
    await page.locator(".lane__name").getByText(HOSTILE).waitFor();
    await isText("arrange");
    await page.goto(`${GATEWAY_URL}/admin/channels/${made.id}`);
    await isText("channel");
    await page.goto(`${GATEWAY_URL}/admin/settings`);
    const price = page.getByRole("form", { name: "Prices" }).getByLabel("Model");
    await price.waitFor();
    assert.equal(await price.inputValue(), HOSTILE);
    await page.goto(`${GATEWAY_URL}/admin/channels/${made.id}`);
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
    await page.goto(`${GATEWAY_URL}/admin/audit?object=${made.id}`);
    await page.locator(".log__open").first().click();
    await page.locator(".log__detail").getByText(HOSTILE).first().waitFor();
    await isText("audit log");
    await page.goto(`${GATEWAY_URL}/admin/playground`);
    await page.getByLabel("Client key").fill(key);
    await page.getByLabel("Model", { exact: true }).fill("alpha");
    await page.getByLabel("Message").fill(HOSTILE);
    await page.keyboard.press("Enter");
    await page.locator(".markdown").getByText(HOSTILE).waitFor();
    await isText("playground");
    await page.getByRole("button", { name: "Plain text" }).click();
    await page.locator(".turns__text").getByText(HOSTILE).waitFor();
    await isText("playground as plain text");
    await page.getByLabel("Model", { exact: true }).fill("broken");
    await page.getByLabel("Message").fill("Break");
    await page.keyboard.press("Enter");
    await page.locator(".turns .notice").getByText(HOSTILE).waitFor();
    await isText("playground's error");
  });
});

const MARKDOWN = [
  "## Steps",
  "1. **first** with `code`",
  "2. second",
  "",
  "```js",
  'document.title = "<b>owned</b>";',
  "```",
  "| a | b |",
  "|---|---|",
  "| 1 | 2 |",
  "",
  "[good](https://example.com/page) [bad](javascript:document.title='owned')",
  "[worse](data:text/html,owned) ![picture](https://tracker.test/pixel.png)",
  '[named](https://example.com "onmouseover=alert(1)")',
  '<a href="https://example.com" onclick="document.title=\'owned\'">raw</a>',
  "<iframe src=https://tracker.test></iframe><style>body{display:none}</style>",
].join("\n");

test("Markdown of a model is drawn, and nothing in it can do or load anything", async () => {
  await api.deleteEverything();
  upstream.state.answer = MARKDOWN;
  await api.createChannel({ name: "One", base_url: upstream.url, keys: [], models: ["alpha"] });
  const { key } = await api.createKey({ name: "reader" });
  await chatAs(key, "alpha", 200);
  // Requests to other hosts, such as the picture's, fail the test in `withPage`.
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Playground");
    await page.getByLabel("Client key").fill(key);
    await page.getByLabel("Model", { exact: true }).fill("alpha");
    await page.getByLabel("Message").fill("Steps?");
    await page.keyboard.press("Enter");
    await page.locator(".facts").waitFor();
    const answer = page.locator(".markdown");
    await answer.getByRole("heading", { name: "Steps" }).waitFor();
    assert.equal(await answer.locator("ol > li").count(), 2);
    await answer.locator("strong").getByText("first").waitFor();
    await answer.locator("pre code").getByText('document.title = "<b>owned</b>";').waitFor();
    await answer.getByRole("cell", { name: "2" }).waitFor();
    const links = await answer
      .locator("a[href]")
      .evaluateAll((all) =>
        all.map((link) => [link.textContent, link.href, link.target, link.rel]),
      );
    const rel = "noopener noreferrer nofollow";
    assert.deepEqual(links, [
      ["good", "https://example.com/page", "_blank", rel],
      ["picture", "https://tracker.test/pixel.png", "_blank", rel],
      ["named", "https://example.com/", "_blank", rel],
    ]);
    const attributes = await answer
      .locator("*")
      .evaluateAll((all) => [...new Set(all.flatMap((one) => one.getAttributeNames()))].sort());
    assert.deepEqual(attributes, ["href", "rel", "target"]);
    const tags = await answer
      .locator("*")
      .evaluateAll((all) => all.map((one) => one.tagName.toLowerCase()));
    for (const tag of ["img", "script", "style", "iframe"]) {
      assert.ok(!tags.includes(tag), tag);
    }
    await answer.getByText("<iframe src=https://tracker.test></iframe>").waitFor();
    assert.deepEqual(await findings(page), []);
  });
});

test("nothing moves for those who asked for less motion", async () => {
  await fill(api, upstream);
  await withPage(browser, { reducedMotion: "reduce" }, async (page) => {
    await logIn(page);
    for (const name of ["Overview", "Channels", "Requests", "Playground"]) {
      await page.getByRole("link", { name, exact: true }).click();
      await page.getByRole("heading", { name, exact: true, level: 1 }).waitFor();
      const moving = await page.evaluate(() =>
        [...document.querySelectorAll("*")]
          .map((element) => getComputedStyle(element))
          .filter(({ transitionDuration, animationName }) => {
            const lasts = transitionDuration
              .split(", ")
              .some((time) => Number.parseFloat(time) > 0);
            return lasts || animationName !== "none";
          }),
      );
      assert.equal(moving.length, 0, name);
    }
  });
});

test("charts follow the theme", async () => {
  await fill(api, upstream);
  await withPage(browser, { colorScheme: "light" }, async (page) => {
    await logIn(page);
    const canvas = page.locator(".chart__plot canvas").first();
    /** The strongest colour that is drawn. */
    const ink = async () => {
      await canvas.waitFor();
      return canvas.evaluate((element) => {
        const { data } = element.getContext("2d").getImageData(0, 0, element.width, element.height);
        const counts = new Map();
        for (let at = 0; at < data.length; at += 4) {
          if (data[at + 3] === 255) {
            const colour = data.slice(at, at + 3).join(",");
            counts.set(colour, (counts.get(colour) ?? 0) + 1);
          }
        }
        return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
      });
    };
    const light = await ink();
    await page.getByLabel("Theme").selectOption("dark");
    await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
    const deadline = Date.now() + 5_000;
    while ((await ink().catch(() => light)) === light) {
      assert.ok(Date.now() < deadline, "the chart has the colours of the other theme");
    }
  });
});
