//! Makes the pictures of the README: `npm run screenshots`, against a running gateway whose contents
//! are replaced. An upstream of our own stands in for the services that the pictures name.
import { mkdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Api } from "./api.mjs";
import { GATEWAY_URL, launch, logIn } from "./browser.mjs";
import { fill } from "./stage.mjs";
import { tour } from "./tour.mjs";
import { startUpstream } from "./upstream.mjs";

const FOLDER = fileURLToPath(new URL("../../../docs/images/", import.meta.url));
const MOST_BYTES = 200_000;
const ANSWER =
  "A gateway sits between your programs and the services that run the models.\n\n" +
  "It picks a channel for every request, watches how each one fares, and goes on with the next " +
  "when one fails, before you notice.";
/** Where the channels of the stage would really lead. */
const ADDRESSES = {
  OpenAI: "https://api.openai.com/v1",
  "Azure Sweden": "https://sweden.openai.azure.com/openai/v1",
  "NVIDIA NIM": "https://integrate.api.nvidia.com/v1",
};
const PICTURES = [
  { suffix: "", width: 1280, height: 800, colorScheme: "light" },
  { suffix: "-dark", width: 1280, height: 800, colorScheme: "dark", only: ["channels"] },
  { suffix: "-phone", width: 360, height: 740, colorScheme: "light", only: ["channels"] },
];
const SHOWN = ["channels", "channel", "keys", "playground", "routing", "settings"];

async function withRealAddresses(route) {
  const response = await route.fetch();
  const body = await response.json();
  for (const channel of body.data ?? []) {
    channel.base_url = ADDRESSES[channel.name] ?? channel.base_url;
  }
  await route.fulfill({ response, json: body });
}

async function take(browser, { suffix, width, height, colorScheme, only }, place) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    locale: "en-GB",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  await page.route(/\/admin\/api\/channels$/, (route) =>
    route.request().method() === "GET" ? withRealAddresses(route) : route.continue(),
  );
  await logIn(page);
  await tour(page, place, async (name) => {
    if (!(only ?? SHOWN).includes(name)) {
      return;
    }
    if (name === "channel") {
      // The form's beginning, not its advanced end.
      await page.locator("summary").click();
      await page.evaluate(() => scrollTo(0, 0));
    }
    await page.evaluate(() => document.activeElement?.blur());
    const path = `${FOLDER}${name}${suffix}.png`;
    await page.screenshot({ path });
    const { size } = statSync(path);
    if (size > MOST_BYTES) {
      throw new Error(`${path} has ${size} bytes`);
    }
    console.log(`${name}${suffix}.png ${size}`);
  });
  await context.close();
}

mkdirSync(FOLDER, { recursive: true });
const api = await Api.logIn();
const upstream = await startUpstream();
upstream.state.answer = ANSWER;
const browser = await launch();
try {
  for (const picture of PICTURES) {
    // Anew for each, so that countdowns stand at their beginning.
    const key = await fill(api, upstream);
    const { id: channelId } = (await api.channels()).find(({ name }) => name === "NVIDIA NIM");
    await take(browser, picture, { channelId, key });
  }
} finally {
  await browser.close();
  await api.deleteEverything();
  await upstream.close();
}
console.log(`The pictures of ${GATEWAY_URL} are in docs/images.`);
