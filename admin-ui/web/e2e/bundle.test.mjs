//! The panel's weight, as it is served: what all of it costs a browser, and what the first view does.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { GATEWAY_URL, launch, withPage } from "./browser.mjs";

const ASSETS = fileURLToPath(new URL("../dist/assets/", import.meta.url));
const MOST_BYTES = 150_000;
const FIRST_VIEW_MOST_BYTES = 80_000;
const FIRST_VIEW_MOST_MS = 1_000;

/** What comes over the wire for a file, with the codings that browsers ask for. */
async function weight(path) {
  const response = await fetch(`${GATEWAY_URL}${path}`, {
    headers: { "accept-encoding": "gzip, deflate, br, zstd" },
  });
  assert.equal(response.status, 200, path);
  const length = Number(response.headers.get("content-length"));
  await response.arrayBuffer();
  assert.ok(length > 0, `${path} does not say its length`);
  return length;
}

test("the whole panel is light, and the first view is half of it", async () => {
  const page = await (await fetch(`${GATEWAY_URL}/admin/`)).text();
  const paths = ["/admin/", ...readdirSync(ASSETS).map((name) => `/admin/assets/${name}`)];
  let whole = 0;
  let first = 0;
  let chinese = 0;
  for (const path of paths) {
    const bytes = await weight(path);
    whole += bytes;
    first += path === "/admin/" || page.includes(path) ? bytes : 0;
    chinese += path.includes("/chinese-") ? bytes : 0;
  }
  console.log(
    `the panel: ${whole} bytes compressed, ${chinese} of them Chinese; first view ${first}`,
  );
  assert.ok(chinese > 0, "the Chinese texts are a file of their own");
  // English comes with the panel; Chinese, for those who read it, in addition.
  whole -= chinese;
  assert.ok(whole < MOST_BYTES, `${whole} bytes`);
  first += chinese;
  assert.ok(first < FIRST_VIEW_MOST_BYTES, `${first} bytes for the first view`);
});

test("the first view is complete within a second", async () => {
  const browser = await launch();
  try {
    await withPage(browser, {}, async (page) => {
      await page.goto(`${GATEWAY_URL}/admin/`);
      await page.locator("input[type=password]").waitFor();
      const [{ startTime }] = await page.evaluate(() =>
        performance.getEntriesByName("first-contentful-paint").map((one) => one.toJSON()),
      );
      assert.ok(startTime < FIRST_VIEW_MOST_MS, `${startTime} ms`);
    });
  } finally {
    await browser.close();
  }
});
