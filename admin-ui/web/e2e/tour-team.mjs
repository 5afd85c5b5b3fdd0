//! The way past what a team needs: alerts, accounts, moving in, many rows at once, the playground's parts, and what those
//! see who log in with an account or with a client key. In either language.
import { GATEWAY_URL } from "./browser.mjs";
import { totp } from "./totp.mjs";

const PASSWORD = "a password of anna";

const CHANNELS = [
  { id: 1, type: 1, key: "sk-openai-0123456789abcdef", status: 1, name: "Moved" },
  { id: 2, type: 33, key: "aws", status: 1, name: "Bedrock" },
  { id: 3, type: 24, key: "AIza-0123456789abcdef", status: 3, name: "Gemini", priority: 5 },
].map((row) => ({ base_url: "", models: "gpt-4o,gpt-4o-mini,o3,o4", group: "default", ...row }));
const TOKENS = [
  { id: 1, user_id: 1, status: 1, name: "moved", remain_quota: 1_250_000, unlimited_quota: 0 },
].map((row) => ({ key: "Q7fGm2nT9xLw4kRs8vYb3cHd6jPz1aEe5uNi0oXqVtWyBgKr", ...row }));
/** As one-api exports it. */
const EXPORT = {
  name: "export.json",
  mimeType: "application/json",
  buffer: Buffer.from(JSON.stringify(CHANNELS) + JSON.stringify(TOKENS)),
};

/** Two accounts, two destinations of alerts, and client keys that can log in. */
export async function fillTeam(api) {
  await api.deleteAccounts();
  await api.createAccount({ name: "Anna", role: "owner", password: PASSWORD });
  await api.createAccount({ name: "Bob", role: "viewer", password: "a password of bob" });
  // Switched off, so that nothing is sent anywhere.
  const destination = { enabled: false, url: "https://alerts.invalid/services/T0/B0/secret" };
  await api.changeAlerts({
    destinations: [
      { ...destination, name: "On call", kind: "slack" },
      { ...destination, name: "Programs", kind: "json", secret: "a bearer token" },
      { ...destination, name: "Chat", kind: "telegram", recipient: "@oncall" },
    ],
  });
  await api.changeSettings({ member_login: true });
}

export async function emptyTeam(api) {
  await api.deleteAccounts();
  await api.changeAlerts({ destinations: [] });
}

/** Pages and dialogs of an admin that the first tour does not pass. */
export async function tourOfTeam(page, look) {
  const at = (path) => page.goto(`${GATEWAY_URL}/admin/${path}`);
  await at("overview?model=nvidia%2Fnemotron-4-340b");
  await page.locator(".chart--none").waitFor();
  await look("set-prices");
  await at("alerts");
  await page.locator("form fieldset").nth(2).waitFor();
  await look("alerts");
  await at("accounts");
  await page.locator(".table__actions").nth(1).waitFor();
  await look("accounts");
  await dialog(page, page.locator(".page__head .button--primary"), "account-new", look);
  const actions = page.locator(".table__actions").first();
  await dialog(page, actions.locator(".button--small"), "account", look);
  await dialog(page, actions.locator(".button--bare"), "account-delete", look);
  await at("import");
  await page.locator("input[type=file]").setInputFiles(EXPORT);
  await page.locator(".table").nth(1).waitFor();
  await look("move-in");
  await page.locator("input[type=file]").setInputFiles([]);
  await page.locator(".table").first().waitFor({ state: "detached" });
  await manyRows(page, at, look);
  await playground(page, at, look);
}

async function dialog(page, button, name, look) {
  await button.click();
  await page.locator("dialog .actions--end").waitFor();
  await look(name);
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
}

async function manyRows(page, at, look) {
  for (const [path, questions] of [
    ["channels", ["tags", "rank", "models", "delete"]],
    ["keys", ["tags", "delete"]],
  ]) {
    await at(path);
    await page.locator("td.table__check input").first().check();
    await page.locator(".bulk").waitFor();
    await look(`bulk of ${path}`);
    for (const [index, question] of questions.entries()) {
      // Enabling and disabling come first, and ask nothing.
      const button = page.locator(".bulk__actions .button").nth(2 + index);
      await dialog(page, button, `bulk ${question} of ${path}`, look);
    }
  }
}

async function playground(page, at, look) {
  await at("playground");
  await page.waitForFunction(() => document.querySelectorAll("#play-models option").length > 0);
  await page.locator(".play__setup .row + .actions .button").click();
  for (const folded of await page.locator(".play__folded > summary").all()) {
    await folded.click();
  }
  await page.locator(".play__inside").nth(1).waitFor();
  await look("playground's parts");
  await page.locator(".page__head .button").first().click();
  await page.locator("dialog").waitFor();
  await look("playground's code");
  await page.keyboard.press("Escape");
}

/** From the login page of a fresh browser, which offers all ways, to the page of the holder of a client key. */
export async function tourOfPeople(page, key, look) {
  const login = async (name) => {
    await page.locator("input[autocomplete=username]:visible").fill(name);
    await page.locator("input[type=password]").fill(PASSWORD);
    await page.keyboard.press("Enter");
  };
  await page.goto(`${GATEWAY_URL}/admin/`);
  await page.locator("input[autocomplete=username]:visible").waitFor();
  await look("login with a name");
  await login("Nemo");
  await page.locator("#login-problem").waitFor();
  await look("login that failed");
  await login("Anna");
  await page.locator(".nav").waitFor({ state: "attached" });
  await page.goto(`${GATEWAY_URL}/admin/accounts`);
  const codes = page.locator(".settings form").nth(1);
  await codes.locator("button[type=button]").waitFor();
  await look("own account");
  await codes.locator("button[type=button]").click();
  await codes.locator(".qr").waitFor();
  await look("own one-time codes");
  const secret = await codes.locator(".qr + .snippet textarea").inputValue();
  await codes.locator("input[autocomplete=one-time-code]").fill(totp(secret));
  await codes.locator("input[type=password]").fill(PASSWORD);
  await codes.locator("button[type=submit]").click();
  const recovery = page.locator(".settings section");
  await recovery.locator("textarea").waitFor();
  await look("recovery codes");
  await recovery.locator(".actions .button").last().click();
  await codes.waitFor();
  // Another visitor, as far as the gateway can tell.
  await page.context().clearCookies();
  await page.goto(`${GATEWAY_URL}/admin/`);
  await login("Anna");
  await page.locator("input[autocomplete=one-time-code]").waitFor();
  await look("login with a one-time code");
  await page.locator(".login__form .button--bare").click();
  await page.locator("input[name=key]").fill(key);
  await look("login with a client key");
  await page.keyboard.press("Enter");
  await page.locator(".member .table").nth(1).waitFor();
  await look("member");
}
