//! Jobs with the gateway as a whole: alerts, accounts, the audit log, moving in, and its configuration.
import assert from "node:assert/strict";

/** Names of this run: the audit log keeps what earlier ones did. */
const RUN = Date.now().toString(36);
const COLLEAGUE = { name: `colleague-${RUN}`, password: "a-long-password-of-a-colleague" };

const LITELLM = (url) => `model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: "${url}", api_key: sk-moved-0123456789-works}
  - model_name: o3
    litellm_params: {model: openai/o3, api_base: "${url}", api_key: sk-other-0123456789-works}
`;

export const GATEWAY_JOBS = [
  {
    name: "set up an alert to a webhook and send a test",
    most: 5,
    async run(hand, { upstream }) {
      const { page } = hand;
      await hand.go("Alerts");
      await hand.click(page.getByRole("button", { name: "Add destination" }));
      await hand.type(page.getByLabel("Webhook URL"), `${upstream.url}/models`);
      const { requests } = upstream.state;
      await hand.click(page.getByRole("button", { name: "Send test" }));
      await page.getByText(/^Test sent in/).waitFor();
      assert.equal(upstream.state.requests, requests + 1);
      await hand.click(page.getByRole("button", { name: "Save", exact: true }));
      await page.getByText("Saved.").waitFor();
    },
  },
  {
    name: "create a viewer's account, who cannot change anything",
    most: 7,
    refused: [401],
    hasOwnLogin: true,
    async run(hand, { api }) {
      const { page } = hand;
      try {
        await hand.go("Accounts");
        await hand.click(page.getByRole("button", { name: "Add account" }));
        const dialog = page.getByRole("dialog", { name: "New account" });
        await hand.type(dialog.getByLabel("Name"), COLLEAGUE.name);
        assert.equal(await dialog.getByLabel("Role").inputValue(), "viewer");
        await hand.type(dialog.getByLabel("Password"), COLLEAGUE.password);
        await hand.enter();
        await page.getByRole("rowheader", { name: COLLEAGUE.name }).waitFor();
        await hand.click(page.getByRole("button", { name: "Log out" }));
        await hand.logIn(COLLEAGUE.name, COLLEAGUE.password);
        await page.getByText("You can look at everything here.").waitFor();
        await hand.go("Client keys");
        const create = page.getByRole("button", { name: "Create key" });
        await create.waitFor();
        assert.ok(await create.isDisabled());
      } finally {
        await api.deleteAccount(COLLEAGUE.name);
      }
    },
  },
  {
    name: "see who changed a channel, and what",
    most: 4,
    async stage({ api, upstream }) {
      const made = await api.createChannel({
        name: `Watched ${RUN}`,
        base_url: upstream.url,
        keys: [],
      });
      await api.changeChannel(made.id, { weight: 7 });
    },
    async run(hand) {
      const { page } = hand;
      await hand.go("Channels");
      await hand.click(page.getByRole("link", { name: `Watched ${RUN}`, exact: true }));
      await hand.click(page.getByRole("link", { name: "Change history" }));
      const newest = page.locator(".log__row").first();
      await newest.getByText("admin", { exact: true }).waitFor();
      await hand.click(newest.getByRole("button"));
      const changes = page.getByRole("table", { name: "Changes" });
      const weight = changes.getByRole("row").filter({ hasText: "weight" });
      assert.deepEqual(await weight.getByRole("cell").allInnerTexts(), ["1", "7"]);
    },
  },
  {
    name: "import the channels of a LiteLLM configuration",
    most: 5,
    async run(hand, { api, upstream }) {
      const { page } = hand;
      await hand.go("Settings");
      await hand.click(page.getByRole("link", { name: "Choose a file" }));
      const text = LITELLM(upstream.url);
      await hand.pick(page.getByLabel("File"), "config.yaml", "application/yaml", text);
      await hand.click(page.getByRole("button", { name: /^Import \(channels: 2,/ }));
      await page.getByText("Created: channels: 2", { exact: false }).waitFor();
      const models = (await api.channels()).flatMap((one) => one.models).sort();
      assert.deepEqual(models, ["gpt-4o", "o3"]);
    },
  },
  {
    name: "export the configuration, and import it after a look at the changes",
    most: 6,
    stage: ({ api, upstream }) =>
      api.createChannel({
        name: "Kept",
        base_url: upstream.url,
        keys: ["sk-kept-0123456789-works"],
      }),
    async run(hand, { api }) {
      const { page } = hand;
      await hand.go("Settings");
      const text = await hand.download(page.getByRole("button", { name: "Download" }));
      const document = JSON.parse(text);
      document.channels[0].weight = 9;
      const changed = JSON.stringify(document);
      await hand.pick(page.getByLabel("From a file"), "c.json", "application/json", changed);
      await hand.click(page.getByRole("button", { name: "Review changes" }));
      const changes = page.getByRole("dialog").getByRole("listitem");
      await changes.filter({ hasText: "Kept" }).getByText("weight").waitFor();
      assert.equal(await changes.count(), 1);
      await hand.click(page.getByRole("button", { name: "Replace configuration" }));
      await page.getByText("Imported.").waitFor();
      const [channel] = await api.channels();
      assert.deepEqual([channel.weight, channel.keys.length], [9, 1]);
    },
  },
];
