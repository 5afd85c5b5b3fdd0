//! Makes the pictures of the README: `npm run screenshots`, against a running gateway whose contents
//! are replaced. A scripted upstream replaces the services that the pictures name.
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
  "A gateway sits **between your programs and the services** that run the models:\n\n" +
  "1. It picks a channel for every request, by priority and weight.\n" +
  "2. It watches how each one fares, and goes on with the next when one fails.\n" +
  "3. It keeps account of who used what.\n\n" +
  "```sh\nexport OPENAI_BASE_URL=http://127.0.0.1:3000/v1\n```\n\n" +
  "Your programs notice nothing but a *different address*.";
/** Where the channels of the stage would really lead. */
const ADDRESSES = {
  OpenAI: "https://api.openai.com/v1",
  "Azure Sweden": "https://sweden.openai.azure.com/openai/v1",
  "NVIDIA NIM": "https://integrate.api.nvidia.com/v1",
};
const PICTURES = [
  { suffix: "", width: 1280, height: 800, colorScheme: "light" },
  {
    suffix: "-dark",
    width: 1280,
    height: 800,
    colorScheme: "dark",
    only: ["overview", "channels"],
  },
  {
    suffix: "-phone",
    width: 360,
    height: 740,
    colorScheme: "light",
    only: ["overview", "requests"],
  },
];
const SHOWN = [
  "login",
  "overview",
  "channels",
  "channel",
  "arrange",
  "keys",
  "requests",
  "playground",
  "routing",
  "settings",
];

/** The answer with its body, even if the page has it already. */
function whole(route) {
  const headers = { ...route.request().headers() };
  delete headers["if-none-match"];
  return route.fetch({ headers });
}

async function withRealAddresses(route) {
  const response = await whole(route);
  const body = await response.json();
  for (const channel of body.data ?? []) {
    channel.base_url = ADDRESSES[channel.name] ?? channel.base_url;
  }
  await route.fulfill({ response, json: body });
}

let answers = 0;

/** Figures of the size that real requests have, all of them different. */
function asLarge({ model }) {
  answers += 1;
  const prompt = 300 + ((answers * 617) % 2400);
  const completion = 80 + ((answers * 271) % 700);
  const cached = model.startsWith("gpt-4o") ? Math.floor(prompt / 256) * 128 : 0;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
  };
}

/** A day as it would look: what the gateway counted in this hour, spread over the hours before it. */
async function withADay(route) {
  const response = await whole(route);
  const body = await response.json();
  const url = new URL(route.request().url());
  const hour = 3_600_000;
  const hours =
    (Date.parse(url.searchParams.get("to")) - Date.parse(url.searchParams.get("from"))) / hour;
  if (hours < 24 || url.searchParams.get("bucket") !== "hour") {
    return route.fulfill({ response, json: body });
  }
  const now = Math.floor(Date.now() / hour) * hour;
  const spread = Array.from({ length: hours }, (_, back) => hours - 1 - back).flatMap((back) => {
    const time = new Date(now - back * hour);
    // More by day than by night, and never quite even; the same at every run.
    const swing = 1.15 + Math.sin(((time.getUTCHours() - 9) / 24) * 2 * Math.PI);
    return body.data.map((row, index) => {
      const part = (offset) =>
        swing * (0.7 + 0.6 * Math.abs(Math.sin(back * 12.9 + index * 4.7 + offset)));
      const count = (name) => Math.round(row[name] * part(name.length));
      const ms = ({ p50, p95, p99 }) => {
        const factor = 0.8 + part(0) / 3;
        const grown = (value) => (value === null ? null : Math.round(value * factor));
        return { p50: grown(p50), p95: grown(p95), p99: grown(p99) };
      };
      const requests = count("requests");
      const each = (name, factor) => Math.round((row[name] / row.requests) * requests * factor);
      return {
        ...row,
        bucket: time.toISOString(),
        requests,
        errors: Math.min(requests, count("errors")),
        prompt_tokens: each("prompt_tokens", 1),
        completion_tokens: each("completion_tokens", 1),
        cost_micro_usd: each("cost_micro_usd", 1),
        total_ms: ms(row.total_ms),
        first_byte_ms: ms(row.first_byte_ms),
      };
    });
  });
  return route.fulfill({ response, json: { ...body, data: spread } });
}

async function take(browser, { suffix, width, height, colorScheme, only }, place) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    locale: "en-GB",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  await page.route(/\/admin\/api\/channels(\?|$)/, (route) =>
    route.request().method() === "GET" ? withRealAddresses(route) : route.continue(),
  );
  await page.route(/\/admin\/api\/models$/, (route) =>
    route.continue({ postData: { ...route.request().postDataJSON(), base_url: upstream.url } }),
  );
  await page.route(/\/admin\/api\/usage\?/, withADay);
  const shoot = async (name) => {
    if (!(only ?? SHOWN).includes(name)) {
      return;
    }
    if (name === "channel") {
      // The form's beginning, not its advanced end.
      await page.locator("summary").click();
      await page.evaluate(() => scrollTo(0, 0));
    }
    if (name === "requests") {
      // On a desk the page from its beginning, on a phone the request that is open.
      await page.locator('.log__row[data-open="true"]').evaluate((row) => {
        row.scrollIntoView({ block: "start" });
        if (innerWidth > 1000) {
          scrollTo(0, 0);
        }
      });
    }
    await page.evaluate(() => document.activeElement?.blur());
    const path = `${FOLDER}${name}${suffix}.png`;
    await page.screenshot({ path });
    const { size } = statSync(path);
    if (size > MOST_BYTES) {
      throw new Error(`${path} has ${size} bytes`);
    }
    console.log(`${name}${suffix}.png ${size}`);
  };
  await page.goto(`${GATEWAY_URL}/admin/`);
  await page.getByLabel("Password").waitFor();
  await shoot("login");
  await logIn(page);
  await tour(page, place, shoot);
  await context.close();
}

mkdirSync(FOLDER, { recursive: true });
const api = await Api.logIn();
const upstream = await startUpstream();
upstream.state.answer = ANSWER;
upstream.state.paceMs = 240;
upstream.state.usage = asLarge;
const browser = await launch();
try {
  for (const picture of PICTURES) {
    // Anew for each, so that countdowns are at their beginning and figures are the same.
    answers = 0;
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
