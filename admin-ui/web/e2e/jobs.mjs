//! A person at the panel, whose clicks are counted: what the jobs of an admin are written with.
import { readFile } from "node:fs/promises";
import { ADMIN_PASSWORD } from "./browser.mjs";

/** A field this close to the focus is reached with Tab, one further away with a click. */
const TABS = 3;

export class Hand {
  clicks = 0;
  /** Since the last `begin`. */
  #began = performance.now();

  constructor(page) {
    this.page = page;
  }

  begin() {
    this.clicks = 0;
    this.#began = performance.now();
  }

  get seconds() {
    return (performance.now() - this.#began) / 1000;
  }

  async click(locator, options) {
    await locator.click(options);
    this.clicks += 1;
  }

  /** Enter, where it submits or confirms what was typed. */
  async enter() {
    await this.page.keyboard.press("Enter");
    this.clicks += 1;
  }

  /** Types or pastes into a field. */
  async type(field, text) {
    await field.waitFor();
    const isFocused = () => field.evaluate((element) => element === document.activeElement);
    const isFree = await this.page.evaluate(() => document.activeElement === document.body);
    for (let tab = 0; !isFree && tab < TABS && !(await isFocused()); tab += 1) {
      await this.page.keyboard.press("Tab");
    }
    if (!(await isFocused())) {
      await this.click(field);
    }
    await field.fill(text);
  }

  /** A choice from a list: one click opens it, one chooses. */
  async choose(list, option) {
    await list.selectOption(option);
    this.clicks += 2;
  }

  /** A file: one click opens the browser's dialog, one chooses there. */
  async pick(input, name, mimeType, text) {
    await input.setInputFiles({ name, mimeType, buffer: Buffer.from(text) });
    this.clicks += 2;
  }

  /** Another page, by its name in the navigation. */
  async go(name) {
    await this.click(this.page.getByRole("link", { name, exact: true }));
    await this.page.getByRole("heading", { name, exact: true, level: 1 }).waitFor();
  }

  /** What a click downloads. */
  async download(locator) {
    const [file] = await Promise.all([this.page.waitForEvent("download"), this.click(locator)]);
    return readFile(await file.path(), "utf8");
  }

  /** On the page for logging in, where the password has the focus. */
  async logIn(name, password = ADMIN_PASSWORD) {
    if (name !== null) {
      await this.type(this.page.getByLabel("Name"), name);
    }
    await this.type(this.page.getByLabel("Password"), password);
    await this.enter();
  }
}

/** One line for each job that was done. */
export function tableOf(done) {
  const width = Math.max(...done.map(({ name }) => name.length));
  const line = (name, clicks, most, seconds) =>
    [name.padEnd(width), clicks.padStart(6), most.padStart(5), seconds.padStart(8)].join("  ");
  return [
    line("job", "clicks", "bound", "seconds"),
    ...done.map(({ name, clicks, most, seconds }) =>
      line(name, String(clicks), String(most), seconds.toFixed(1)),
    ),
  ].join("\n");
}

/** Asks until it holds, which takes a moment after the panel says so. */
export async function until(what, holds) {
  const deadline = Date.now() + 5_000;
  while (!(await holds())) {
    if (Date.now() > deadline) {
      throw new Error(`it does not hold: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
