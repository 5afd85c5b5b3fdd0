//! One Chromium for a test file, and pages that fail their test when the browser complains.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

export const GATEWAY_URL = required("GATEWAY_URL").replace(/\/+$/, "");
export const ADMIN_PASSWORD = required("ADMIN_PASSWORD");

function required(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(
      `${name} is not set: these tests need a running gateway, see admin-ui/README.md`,
    );
  }
  return value;
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-default-apps",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

/**
 * Runs `body` with a page in a fresh profile, then asserts that there was no console error, no
 * uncaught exception, no violation of the content security policy and no request to another host.
 * `refused`: statuses that the test provokes; Chromium reports every one as a console error.
 */
export async function withPage(browser, { refused = [], ...options }, body) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  const complaints = [];
  await context.exposeFunction("reportViolation", (text) => complaints.push(`CSP: ${text}`));
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      window.reportViolation(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !isExpected(message, refused)) {
      complaints.push(`console: ${message.text()} (${message.location().url})`);
    }
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== new URL(GATEWAY_URL).origin) {
      complaints.push(`foreign request: ${request.url()}`);
    }
  });
  try {
    await body(page);
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}

/** The two 401 that are a normal answer here, and what the test provokes. */
function isExpected(message, refused) {
  const path = URL.canParse(message.location().url) ? new URL(message.location().url).pathname : "";
  const isLogin = ["/admin/api/session", "/admin/api/login"].includes(path);
  return [...refused, ...(isLogin ? [401] : [])].some((status) =>
    message.text().includes(`status of ${status}`),
  );
}

/** Logs in, and goes on to a page by its name in the navigation. */
export async function logIn(page, name) {
  await page.goto(`${GATEWAY_URL}/admin/`);
  await page.getByLabel("Password").fill(ADMIN_PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.locator(".nav").waitFor({ state: "attached" });
  if (name !== undefined) {
    await page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { name, exact: true, level: 1 }).waitFor();
  }
}

/** Whether the page can be scrolled sideways. */
export function overflowsSideways(page) {
  return page.evaluate(() => {
    const root = document.documentElement;
    return root.scrollWidth > root.clientWidth;
  });
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds wrong on the page; every rule for WCAG 2.2 AA and its best practices. */
export async function findings(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
}

/** Presses Tab until `locator` has the focus. */
export async function tabTo(page, locator, key = "Tab") {
  for (let step = 0; step < 80; step += 1) {
    if (await locator.evaluate((element) => element === document.activeElement)) {
      return;
    }
    await page.keyboard.press(key);
  }
  assert.fail(`the keyboard does not reach ${locator}`);
}
