//! Moving in: a file of another gateway, its preview, a choice, and what is there afterwards.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { Api } from "./api.mjs";
import { findings, GATEWAY_URL, launch, logIn, overflowsSideways, withPage } from "./browser.mjs";

let browser;
let api;

before(async () => {
  api = await Api.logIn();
  browser = await launch();
});

beforeEach(() => api.deleteEverything());

after(async () => {
  await browser?.close();
  await api?.deleteEverything();
});

const CHANNELS = [
  { id: 1, type: 1, key: "sk-openai-0123456789abcdef", status: 1, name: "OpenAI", weight: 0 },
  { id: 2, type: 33, key: "aws", status: 1, name: "Bedrock" },
  { id: 3, type: 24, key: "AIza-0123456789abcdef", status: 3, name: "Gemini", priority: 5 },
].map((row) => ({ base_url: "", models: "gpt-4o,gpt-4o-mini,o3,o4", group: "default", ...row }));
const TOKENS = [
  { id: 1, user_id: 1, status: 1, name: "laptop", remain_quota: 1_250_000, unlimited_quota: 0 },
].map((row) => ({ key: "Q7fGm2nT9xLw4kRs8vYb3cHd6jPz1aEe5uNi0oXqVtWyBgKr", ...row }));
const EXPORT = {
  name: "export.json",
  mimeType: "application/json",
  buffer: Buffer.from(JSON.stringify(CHANNELS) + JSON.stringify(TOKENS)),
};
const LITELLM = {
  name: "config.yaml",
  mimeType: "application/yaml",
  buffer: Buffer.from(
    "model_list:\n  - model_name: mine\n    litellm_params: {model: azure/d, api_base: os.environ/BASE, api_key: os.environ/KEY}\n",
  ),
};

async function open(page) {
  await logIn(page, "Settings");
  await page.getByRole("link", { name: "Choose a file" }).click();
  await page.getByRole("heading", { name: "Import from another gateway", level: 1 }).waitFor();
}

for (const [name, viewport] of [
  ["a wide", { width: 1440, height: 900 }],
  ["a narrow", { width: 390, height: 844 }],
]) {
  test(`an export of one-api is imported on ${name} screen`, async () => {
    await withPage(browser, { viewport }, async (page) => {
      if (viewport.width < 640) {
        await logIn(page);
        await page.goto(`${GATEWAY_URL}/admin/import`);
      } else {
        await open(page);
      }
      await page.getByLabel("File").setInputFiles(EXPORT);
      await page.getByText("AWS Bedrock has an API", { exact: false }).waitFor();
      await page.getByText("remaining quota of $2.50", { exact: false }).waitFor();
      await page.getByRole("checkbox", { name: "Import Gemini" }).uncheck();
      assert.equal(await overflowsSideways(page), false);
      assert.deepEqual(await findings(page), []);
      if (process.env.PICTURES) {
        const path = `${process.env.PICTURES}/import-${viewport.width}.png`;
        await page.screenshot({ path, fullPage: true });
      }
      await page.getByRole("button", { name: "Import (channels: 1, client keys: 1)" }).click();
      await page.getByText("Created: channels: 1, client keys: 1, aliases: 0.").waitFor();
      const [channel, ...others] = await api.channels();
      assert.deepEqual([channel.name, others.length], ["OpenAI", 0]);
      assert.equal((await api.keys())[0].hint, "sk-Q…BgKr");

      // The same file again: the channel is there, and left out unless it is chosen.
      await page.getByLabel("File").setInputFiles([]);
      await page.getByLabel("File").setInputFiles(EXPORT);
      await page.getByText("There is one with the same address and key.").waitFor();
      const again = page.getByRole("checkbox", { name: "Import OpenAI" });
      assert.equal(await again.isChecked(), false);
    });
  });
}

test("variables of a configuration of LiteLLM are entered, in dark mode", async () => {
  await withPage(browser, { colorScheme: "dark" }, async (page) => {
    await open(page);
    await page.getByLabel("File").setInputFiles(LITELLM);
    await page.getByText("cannot be imported", { exact: true }).waitFor();
    await page.getByLabel("BASE", { exact: true }).fill("https://r.openai.azure.com");
    await page.getByLabel("KEY", { exact: true }).fill("azure-0123456789abcdef");
    await page.getByRole("button", { name: "Use these values" }).click();
    await page.getByText("azur…cdef").waitFor();
    assert.deepEqual(await findings(page), []);
    if (process.env.PICTURES) {
      await page.screenshot({ path: `${process.env.PICTURES}/import-dark.png`, fullPage: true });
    }
    // What was chosen is not lost without a question.
    await page.getByRole("link", { name: "Overview", exact: true }).click();
    await page.getByRole("dialog", { name: "Leave without saving?" }).waitFor();
    await page.getByRole("button", { name: "Keep editing" }).click();
    await page.getByRole("button", { name: "Import (channels: 1, client keys: 0)" }).click();
    await page.getByText("Created: channels: 1, client keys: 0", { exact: false }).waitFor();
    assert.equal((await api.channels())[0].base_url, "https://r.openai.azure.com");
  });
});

test("a file that is none is refused in words", async () => {
  await withPage(browser, { refused: [400] }, async (page) => {
    await open(page);
    const file = { name: "a.json", mimeType: "application/json", buffer: Buffer.from("[]") };
    await page.getByLabel("File").setInputFiles(file);
    await page.getByText("The file cannot be imported").waitFor();
    await page.getByText("config.yaml of LiteLLM", { exact: false }).last().waitFor();
  });
});
