//! Why a request failed, as an admin finds it out: from the list, from an id, and from a colleague's link.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chatAs } from "./api.mjs";
import { ADMIN_PASSWORD, findings, GATEWAY_URL, logIn, withPage } from "./browser.mjs";
import { api, browser, setUp, upstream } from "./stage.mjs";

setUp();

/** A request that every key fails, and its row. */
async function failed() {
  await api.createChannel({
    name: "Failing",
    base_url: upstream.url,
    keys: ["sk-a-0123456789-failing", "sk-b-0123456789-refused"],
    models: ["alpha"],
  });
  const { key, id } = await api.createKey({ name: "traced" });
  await chatAs(key, "alpha", 502);
  const [row] = await api.recorded(1, { key: id });
  return { key, id, row };
}

async function typePassword(page) {
  await page.getByLabel("Password").fill(ADMIN_PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
}

const attemptsOf = (page) => page.getByRole("table", { name: "Attempts" }).getByRole("row");

test("a row shows the reason in words and what each upstream said", async () => {
  await failed();
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Requests");
    const row = page.locator(".log__row").filter({ hasText: "traced" }).first();
    await row.getByText("502 upstream failed").waitFor();
    await row.getByRole("button").click();
    await page.getByRole("region", { name: "Why" }).getByText("Every upstream failed.").waitFor();
    await attemptsOf(page).getByText("The model server is restarting.").waitFor();
    await attemptsOf(page).getByText("Incorrect API key provided.").waitFor();
  });
});

test("a link opens the request: after the login, after a reload, from the list and by its id", async () => {
  const { row } = await failed();
  const address = `/admin/requests/${row.id}`;
  await withPage(browser, {}, async (page) => {
    const isThere = async () => {
      await page.getByRole("heading", { name: "Request", exact: true, level: 1 }).waitFor();
      await page.getByText("The model server is restarting.").first().waitFor();
      assert.equal(new URL(page.url()).pathname, address);
    };
    // A colleague, who is not logged in.
    await page.goto(GATEWAY_URL + address);
    await typePassword(page);
    await isThere();
    await page.reload();
    await isThere();

    await page.getByRole("link", { name: "All requests", exact: true }).click();
    await page.getByLabel("Find by id").fill("no id");
    await page.keyboard.press("Enter");
    await page.getByText("Ids begin with req_").waitFor();
    await page.getByLabel("Find by id").fill(`see ${GATEWAY_URL}${address} please`);
    await page.keyboard.press("Enter");
    await isThere();
    await page.goBack();
    await page.locator(".log__open").first().click();
    await page.locator(".detail").getByRole("link", { name: "Open" }).click();
    await isThere();
  });
});

test("the link is copied, and the page has no fault that axe finds", async () => {
  const { row } = await failed();
  await withPage(browser, { permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
    await page.goto(`${GATEWAY_URL}/admin/requests/${row.id}`);
    await typePassword(page);
    await page.getByRole("button", { name: "Copy link" }).click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, `${GATEWAY_URL}/admin/requests/${row.id}`);
    await page.getByText("Copied").waitFor();
    assert.deepEqual(await findings(page), []);
  });
});

test("a limit is named with its figures", async () => {
  await api.createChannel({ name: "Working", base_url: upstream.url, keys: [], models: ["beta"] });
  const { key, id } = await api.createKey({ name: "eager", limits: { requests_per_minute: 1 } });
  await chatAs(key, "beta", 200);
  await chatAs(key, "beta", 429);
  const [row] = await api.recorded(1, { key: id, reason: "rate_limit_requests" });
  await withPage(browser, {}, async (page) => {
    await page.goto(`${GATEWAY_URL}/admin/requests/${row.id}`);
    await typePassword(page);
    const why = page.getByRole("region", { name: "Why" });
    await why.getByText("used up its requests per minute").waitFor();
    await why.getByText("1 (Requests / minute)").waitFor();
    await why.getByText("Free again").waitFor();
    await why.getByText(/limit of 1 requests per minute is used up/).waitFor();
  });
});

test("a request that is not in the log is said to be missing", async () => {
  await withPage(browser, { refused: [404] }, async (page) => {
    await page.goto(`${GATEWAY_URL}/admin/requests/req_0000`);
    await typePassword(page);
    await page.getByRole("heading", { name: "Request not found" }).waitFor();
    await page.getByRole("link", { name: "All requests", exact: true }).click();
    await page.getByRole("heading", { name: "Requests", exact: true, level: 1 }).waitFor();
  });
});

test("messages of errors can be switched off", async () => {
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Settings");
    const form = page.getByRole("form", { name: "Ledger" });
    await form.getByRole("switch", { name: "Keep error messages" }).click();
    await form.getByRole("button", { name: "Save" }).click();
    await form.getByText("Saved").waitFor();
  });
  assert.equal((await api.settings()).log_error_details, false);
  const { row } = await failed();
  // The settings are in force on every instance within two seconds.
  const deadline = Date.now() + 10_000;
  let last = row;
  while (last.attempts.some(({ detail }) => detail !== null) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { key, id } = await api.createKey({ name: "later" });
    await chatAs(key, "alpha", 502);
    [last] = await api.recorded(1, { key: id });
  }
  assert.equal(last.reason, "upstream_failed");
  assert.deepEqual(
    last.attempts.map(({ detail }) => detail),
    last.attempts.map(() => null),
  );
});
