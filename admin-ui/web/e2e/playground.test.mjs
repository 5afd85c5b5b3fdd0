//! The playground, against the running gateway and an upstream of our own: its one key, models side by side, parameters,
//! tools, images, and what is shown of a request.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { Api } from "./api.mjs";
import { findings, GATEWAY_URL, launch, logIn, overflowsSideways, withPage } from "./browser.mjs";
import { startUpstream } from "./upstream.mjs";

let browser;
let upstream;
let api;

before(async () => {
  browser = await launch();
  upstream = await startUpstream();
  api = await Api.logIn();
});
after(async () => {
  await browser?.close();
  await upstream?.close();
});
beforeEach(async () => {
  await api.deleteEverything();
  upstream.state.answer = "Hello from the upstream.";
  upstream.state.asked = {};
  await api.createChannel({
    name: "One",
    base_url: upstream.url,
    keys: [],
    models: ["alpha", "beta", "broken", "slow"],
  });
});

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** Opens the playground, and waits until its key works. */
async function open(page) {
  await logIn(page, "Playground");
  await page.waitForFunction(() => document.querySelectorAll("#play-models option").length === 4);
}

async function say(page, text, model) {
  if (model !== undefined) {
    await page.getByLabel("Model", { exact: true }).fill(model);
  }
  await page.getByLabel("Message").fill(text);
  await page.keyboard.press("Enter");
}

const answer = (page, model) => page.getByRole("article", { name: model, exact: true }).last();
const isDone = (page, model) => answer(page, model).getByText("First token").waitFor();

test("where channels list no models, their upstreams' are offered, else one is typed", async () => {
  for (const [key, isListed] of [
    ["sk-a-0123456789-works", true],
    ["sk-b-0123456789-failing", false],
  ]) {
    await api.deleteEverything();
    await api.createChannel({ name: "Open", base_url: upstream.url, keys: [key], models: [] });
    await withPage(browser, { refused: [502] }, async (page) => {
      await logIn(page, "Playground");
      const model = page.getByLabel("Model", { exact: true });
      if (isListed) {
        await page.waitForFunction(() => document.querySelectorAll("#play-models option").length);
        assert.equal(await model.inputValue(), "alpha");
        await say(page, "Hello");
        await isDone(page, "alpha");
      } else {
        await page.getByText("No channel lists its models.").waitFor();
        assert.equal(await model.inputValue(), "");
      }
    });
  }
});

test("there is one key for all tabs, hidden in lists and named in usage", async () => {
  await withPage(browser, {}, async (page) => {
    const other = await page.context().newPage();
    await Promise.all([open(page), open(other)]);
    await other.reload();
    await other.waitForFunction(
      () => document.querySelectorAll("#play-models option").length === 4,
    );
    await say(page, "Hello", "alpha");
    await isDone(page, "alpha");
    await say(other, "Hello", "beta");
    await isDone(other, "beta");
    assert.deepEqual(await api.keys(), []);
    const [key, ...more] = await api.keys("playground");
    assert.deepEqual([key.id, more], ["ck_playground", []]);
    const rows = await api.recorded(2, { key: "ck_playground" });
    assert.equal(rows[0].key_name, "Playground");

    // Nothing that was said or that opens the gateway is in the browser's storage.
    const stored = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }]),
    );
    assert.ok(!stored.includes("sk-") && !stored.includes("Hello"), stored);
  });
});

test("a key that was replaced elsewhere is fetched again", async () => {
  await withPage(browser, { refused: [401] }, async (page) => {
    await open(page);
    const { key } = await api.replacePlaygroundKey();
    const deadline = Date.now() + 5_000;
    let status = 0;
    while (status !== 200) {
      assert.ok(Date.now() < deadline, `the new key gets ${status}`);
      const headers = { authorization: `Bearer ${key}` };
      ({ status } = await fetch(`${GATEWAY_URL}/v1/models`, { headers }));
    }
    await say(page, "Hello", "alpha");
    await answer(page, "alpha").getByText(upstream.state.answer).waitFor();
    await isDone(page, "alpha");

    await page.getByRole("button", { name: "Replace key" }).click();
    await page.getByText("The key has been replaced.").waitFor();
    await say(page, "Again");
    await page.locator(".turns__turn").nth(1).getByText(upstream.state.answer).waitFor();
    assert.equal((await api.keys("playground")).length, 1);
  });
});

test("several models answer side by side, with their figures and their own stop", async () => {
  const price = { prompt: 1_000_000, cached: null, completion: 2_000_000 };
  await api.changeSettings({ prices: { alpha: price } });
  await withPage(browser, { viewport: { width: 1440, height: 900 } }, async (page) => {
    await open(page);
    await page.getByRole("button", { name: "Compare with another model" }).click();
    await page.getByLabel("Model 2", { exact: true }).fill("beta");
    await page.getByRole("button", { name: "Compare with another model" }).click();
    await page.getByLabel("Model 3", { exact: true }).fill("slow");
    await page.getByLabel("System prompt").fill("Be brief");
    await say(page, "Who are you?", "alpha");
    for (const model of ["alpha", "beta"]) {
      await isDone(page, model);
      await answer(page, model).getByText("11 in, 7 out").waitFor();
    }
    await answer(page, "alpha").getByText("Cost", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Stop slow" }).click();
    await answer(page, "slow").getByText("Stopped.").waitFor();
    await page.getByRole("button", { name: "Send" }).waitFor();
    for (const model of ["alpha", "beta", "slow"]) {
      const said = upstream.state.asked[model].messages.map(({ content }) => content);
      assert.deepEqual(said, ["Be brief", "Who are you?"], model);
    }
    const boxes = await page
      .locator(".turns__answer")
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top));
    assert.equal(boxes[0], boxes[1], "the answers are beside each other");

    await page.getByRole("button", { name: "Remove Model 3" }).click();
    await say(page, "And now?");
    await page.locator(".turns__turn").nth(1).getByText("First token").nth(1).waitFor();
    const roles = upstream.state.asked.beta.messages.map(({ role }) => role);
    assert.deepEqual(roles, ["system", "user", "assistant", "user"]);
    assert.deepEqual(await findings(page), []);

    // A look at another page ends nothing.
    await page.getByRole("link", { name: "Requests", exact: true }).click();
    await page.getByRole("link", { name: "Playground", exact: true }).click();
    assert.equal(await page.locator(".turns__turn").count(), 2);
    assert.equal(await page.getByLabel("Model 2", { exact: true }).inputValue(), "beta");
  });
});

test("only the parameters that are set are sent", async () => {
  await withPage(browser, {}, async (page) => {
    await open(page);
    await say(page, "Hello", "alpha");
    await isDone(page, "alpha");
    const members = ["messages", "model", "stream", "stream_options"];
    assert.deepEqual(Object.keys(upstream.state.asked.alpha).sort(), members);

    await page.getByText("Parameters", { exact: true }).click();
    await page.getByLabel("Temperature").fill("3");
    await page.getByText("must be between 0 and 2").waitFor();
    await say(page, "Too warm");
    await page.getByRole("alert").getByText("Correct the parameters").waitFor();
    await page.getByLabel("Temperature").fill("0.2");
    await page.getByLabel("Top P").fill("0.9");
    await page.getByLabel("Max tokens").fill("50");
    await page.getByLabel("Seed").fill("7");
    await page.getByLabel("Reasoning effort").selectOption("low");
    await page.getByLabel("Stop sequences").fill("END\nSTOP");
    await page.getByRole("switch", { name: "Stream" }).click();
    assert.deepEqual(await findings(page), []);
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator(".turns__turn").nth(1).getByText("First token").waitFor();
    const { messages, ...sent } = upstream.state.asked.alpha;
    assert.equal(messages.at(-1).content, "Too warm");
    assert.deepEqual(sent, {
      model: "alpha",
      temperature: 0.2,
      top_p: 0.9,
      max_tokens: 50,
      reasoning_effort: "low",
      seed: 7,
      stop: ["END", "STOP"],
    });
  });
});

test("a model calls a tool, and the typed result is sent back", async () => {
  await withPage(browser, {}, async (page) => {
    await open(page);
    await page.getByText("Tools", { exact: true }).click();
    await page.getByLabel("Tools (JSON)").fill('[{"type": "function"}]');
    await page.getByText("function.name must be").waitFor();
    await page.getByLabel("Tools (JSON)").fill("");
    await page.getByRole("button", { name: "Insert an example" }).click();
    await say(page, "Weather in Oslo?", "alpha");
    await page.getByText("Calls get_weather").waitFor();
    await page.getByText('"city": "Oslo"').waitFor();
    await page.getByLabel("Result of get_weather").fill("rain, 3 degrees");
    assert.deepEqual(await findings(page), []);
    await page.getByRole("button", { name: "Send results" }).click();
    await page.getByText(upstream.state.answer).waitFor();
    const [asked, called, result] = upstream.state.asked.alpha.messages;
    assert.equal(asked.content, "Weather in Oslo?");
    assert.equal(called.tool_calls[0].function.arguments, '{"city":"Oslo"}');
    const { role, tool_call_id, content } = result;
    assert.deepEqual([role, tool_call_id, content], ["tool", "call_1", "rain, 3 degrees"]);
    assert.equal(await page.getByRole("button", { name: "Send results" }).count(), 0);
  });
});

test("images are chosen, dropped and pasted, and sent as data URLs", async () => {
  await withPage(browser, {}, async (page) => {
    await open(page);
    const file = (name, mimeType = "image/png", buffer = PNG) => ({ name, mimeType, buffer });
    const input = page.locator(".composer input[type=file]");
    await input.setInputFiles([file("chosen.png"), file("notes.txt", "text/plain")]);
    await page.getByText("Only PNG, JPEG, WebP and GIF images can be sent.").waitFor();
    await input.setInputFiles(file("huge.png", "image/png", Buffer.alloc(4 * 1024 * 1024 + 1)));
    await page.getByText("An image may have 4 MB at most.").waitFor();
    for (const [selector, type, member, name] of [
      [".composer textarea", "paste", "clipboardData", "pasted.png"],
      [".composer", "drop", "dataTransfer", "dropped.png"],
    ]) {
      await page.locator(selector).evaluate(
        (element, { kind, holder, called, bytes }) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], called, { type: "image/png" }));
          const about = { bubbles: true, cancelable: true, [holder]: data };
          const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
          element.dispatchEvent(new Kind(kind, about));
        },
        { kind: type, holder: member, called: name, bytes: [...PNG] },
      );
      await page.getByRole("img", { name }).waitFor();
    }
    assert.equal(await page.locator(".composer .thumbs img").count(), 3);
    await page.getByRole("button", { name: "Remove pasted.png" }).click();
    assert.deepEqual(await findings(page), []);
    await say(page, "What is this?", "alpha");
    await isDone(page, "alpha");
    const [{ content }] = upstream.state.asked.alpha.messages;
    const url = `data:image/png;base64,${PNG.toString("base64")}`;
    const part = { type: "image_url", image_url: { url } };
    assert.deepEqual(content, [{ type: "text", text: "What is this?" }, part, part]);
    assert.equal(await page.locator(".composer .thumbs").count(), 0);
    assert.equal(await page.locator(".turns__question img").count(), 2);
  });
});

test("a request is shown as code and as it was", async () => {
  await withPage(browser, {}, async (page) => {
    await open(page);
    await page.getByLabel("Model", { exact: true }).fill("alpha");
    await page.getByLabel("Message").fill("It's me");
    await page.locator(".page__head").getByRole("button", { name: "Code" }).click();
    const dialog = page.getByRole("dialog");
    for (const name of ["curl", "Python", "Node.js"]) {
      await dialog.getByRole("button", { name, exact: true }).click();
      const text = await dialog.getByLabel(name, { exact: true }).inputValue();
      for (const part of [`${GATEWAY_URL}/v1`, "YOUR_KEY", "alpha"]) {
        assert.ok(text.includes(part), `${name}: ${text}`);
      }
      assert.ok(!text.includes("sk-"), text);
    }
    assert.deepEqual(await findings(page), []);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Send" }).click();
    await isDone(page, "alpha");
    await answer(page, "alpha").getByText("Raw", { exact: true }).click();
    const raw = answer(page, "alpha").locator(".play__raw pre");
    assert.ok((await raw.nth(0).textContent()).includes("It's me"));
    assert.ok((await raw.nth(1).textContent()).includes("data: [DONE]"));
    assert.deepEqual(await findings(page), []);
  });
});

test("an error says why, and leads to its request", async () => {
  upstream.state.answer = "The model is broken today.";
  await withPage(browser, { refused: [400, 404] }, async (page) => {
    await open(page);
    await say(page, "Break", "broken");
    const notice = answer(page, "broken").getByRole("alert");
    await notice.getByText("The gateway answered 400").waitFor();
    await notice.getByText("The model is broken today.").waitFor();
    await notice.getByText("The upstream rejected the request").waitFor();
    await say(page, "Nothing", "no-such-model");
    await answer(page, "no-such-model").getByText("The gateway answered 404").waitFor();
    await answer(page, "broken").getByRole("link", { name: /^req_/ }).click();
    await page.getByRole("heading", { name: "Request", level: 1 }).waitFor();
    await page.getByText("The model is broken today.").first().waitFor();
    await page.goBack();
    assert.equal(await page.locator(".turns__turn").count(), 2);
  });
});

for (const colorScheme of ["light", "dark"]) {
  test(`everything fits on a phone, ${colorScheme}`, async () => {
    const viewport = { width: 390, height: 844 };
    await withPage(browser, { viewport, colorScheme }, async (page) => {
      await page.goto(`${GATEWAY_URL}/admin/playground`);
      await page.getByLabel("Password").fill(process.env.ADMIN_PASSWORD);
      await page.getByRole("button", { name: "Log in" }).click();
      await page.waitForFunction(
        () => document.querySelectorAll("#play-models option").length === 4,
      );
      await page.getByRole("button", { name: "Compare with another model" }).click();
      await page.getByLabel("Model 2", { exact: true }).fill("beta");
      await page.getByText("Parameters", { exact: true }).click();
      await page.getByText("Tools", { exact: true }).click();
      await page.getByRole("button", { name: "Insert an example" }).click();
      const image = { name: "dot.png", mimeType: "image/png", buffer: PNG };
      await page.locator(".composer input[type=file]").setInputFiles(image);
      await page.getByRole("img", { name: "dot.png" }).waitFor();
      await say(page, `${"long".repeat(60)} words`, "alpha");
      await page.getByText("Calls get_weather").nth(1).waitFor();
      await page.getByText("Raw", { exact: true }).first().click();
      assert.ok(!(await overflowsSideways(page)));
      assert.deepEqual(await findings(page), []);
    });
  });
}
