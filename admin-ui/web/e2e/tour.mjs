//! The way past everything that the panel can show, in either language.
import { GATEWAY_URL } from "./browser.mjs";

/** Opens every page and every dialog, and calls `look` when it is complete. */
export async function tour(page, { channelId, key }, look) {
  const at = (path) => page.goto(`${GATEWAY_URL}/admin/${path}`);
  await at("overview");
  await page.locator(".chart__plot canvas").nth(5).waitFor();
  await page.locator(".fleet").waitFor();
  await look("overview");
  await page.locator("details summary").click();
  await look("overview-table");
  await at("channels");
  await page.locator(".table__link").first().waitFor();
  await look("channels");
  await page.locator(".page__head .button").nth(1).click();
  await page.locator("dialog .button--primary").waitFor();
  await look("test-all");
  await page.keyboard.press("Escape");
  await page.locator(".page__head .button").nth(2).click();
  await page.locator(".lane").first().waitFor();
  await look("arrange");
  await page.keyboard.press("Escape");
  await at("channels/new");
  await page.locator(".preset").first().waitFor();
  await look("channel-new");
  await at(`channels/${channelId}`);
  await page.locator(".kept").waitFor();
  await page.locator("summary").click();
  await look("channel");
  await page.locator(".chips .button").first().click();
  await page.locator(".pick .check").first().waitFor();
  await look("pick-models");
  await page.keyboard.press("Escape");
  await page.locator(".page__head .button").first().click();
  await page.locator("dialog .button--primary").click();
  await page.locator(".test__result .notice").waitFor();
  await look("test");
  await at("keys");
  await page.locator(".table .key-name").first().waitFor();
  await look("keys");
  await page.locator(".page__head .button--primary").click();
  await look("key-new");
  await at("requests");
  await page.locator(".log__row:has(.log__tries) .log__open").first().click();
  await page.locator(".waterfall").waitFor();
  await look("requests");
  await at("playground");
  await page.locator(".play__setup input[type=password]").fill(key);
  await page.waitForFunction(() => document.querySelectorAll("#play-models option").length > 0);
  await page.locator(".play__setup input[list]").fill("gpt-4o");
  await page.locator(".composer textarea").fill("What does a gateway do?");
  await page.keyboard.press("Enter");
  await page.locator(".facts").waitFor();
  await page.locator(".markdown :first-child").first().waitFor();
  await look("playground");
  await at("routing");
  await page.locator("input[list]").fill("gpt-4o");
  await page.keyboard.press("Enter");
  await page.locator(".rows").waitFor();
  await look("routing");
  await at("audit");
  await page.locator(".log__open").nth(1).click();
  await page.locator(".log__detail .facts").waitFor();
  await look("audit");
  await at("settings");
  await page.locator("section textarea").waitFor();
  await page.locator(".prices .input").first().waitFor();
  await page.waitForFunction(() => !document.querySelector(".facts").textContent.includes("…"));
  await look("settings");
  await page
    .locator("section textarea")
    .fill('{"version":1,"channels":[],"keys":[],"settings":{}}');
  await page.locator("section:has(textarea) .button").last().click();
  await page.locator("dialog .changes").waitFor();
  await look("import");
}
