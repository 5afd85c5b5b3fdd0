import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { MOST_BYTES, MOST_IMAGES, problemOf, readImages } from "./images";

beforeEach(() => {
  vi.stubGlobal(
    "FileReader",
    class {
      result = "";
      onload = () => undefined;
      onerror = () => undefined;
      readAsDataURL(file: File) {
        this.result = `data:${file.type};base64,x`;
        queueMicrotask(file.name === "broken.png" ? this.onerror : this.onload);
      }
    },
  );
});
afterEach(() => vi.unstubAllGlobals());

const png = (name: string) => new File(["x"], name, { type: "image/png" });

it.each([
  ["image/png", MOST_BYTES, 0, null],
  ["image/svg+xml", 1, 0, "kind"],
  ["text/html", 1, 0, "kind"],
  ["image/webp", MOST_BYTES + 1, 0, "size"],
  ["image/gif", 1, MOST_IMAGES, "count"],
])("%s of %d bytes beside %d others: %s", (type, size, count, problem) => {
  expect(problemOf({ type, size }, count)).toBe(problem);
});

it("takes what it can, and says why not the rest", async () => {
  const files = [png("a.png"), new File(["x"], "b.txt", { type: "text/plain" }), png("c.png")];
  expect(await readImages(files, 0)).toEqual({
    images: [
      { name: "a.png", url: "data:image/png;base64,x" },
      { name: "c.png", url: "data:image/png;base64,x" },
    ],
    problem: "kind",
  });
  const full = await readImages([png("a.png"), png("b.png")], MOST_IMAGES - 1);
  expect(full.images).toHaveLength(1);
  expect(full.problem).toBe("count");
  expect((await readImages([png("broken.png")], 0)).problem).toBe("unreadable");
});
