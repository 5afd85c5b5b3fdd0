import { beforeAll, expect, it, vi } from "vitest";

let router: typeof import("./router");

beforeAll(async () => {
  vi.stubGlobal("location", { pathname: "/admin", search: "" });
  vi.stubGlobal("addEventListener", () => undefined);
  router = await import("./router");
});

it.each([
  ["/admin", "overview", null],
  ["/admin/", "overview", null],
  ["/admin/channels", "channels", null],
  ["/admin/channels/new", "channels", "new"],
  ["/admin/channels/ch_1/", "channels", "ch_1"],
  ["/admin/keys", "keys", null],
  ["/admin/keys/ck_1", "keys", "ck_1"],
  ["/admin/requests", "requests", null],
  ["/admin/requests/req_1", "requests", "req_1"],
  ["/admin/routing/x", null, null],
  ["/admin/channels/ch_1/more", null, null],
  ["/admin/nothing", null, null],
])("%s is %s %s", (path, page, item) => {
  expect(router.placeOf(path)).toEqual({ page, item });
});

it("every page is found at its own address", () => {
  for (const page of [...router.PAGES, ...router.SIDE_PAGES]) {
    expect(router.placeOf(router.href(page))).toEqual({ page, item: null });
  }
});

it("what a page shows of itself is in its address", () => {
  const asked = { model: "meta/llama 3&4", status: "error" };
  const address = router.href("requests", null, asked);
  expect(router.queryOf(address.slice(address.indexOf("?")))).toEqual(asked);
  expect(router.href("requests")).toBe("/admin/requests");
  expect(router.queryOf("?model=&x=1")).toEqual({ x: "1" });
});

it("a whole key gets into no address", () => {
  const key = "sk-q8Zr0Yw-3kX_vB7nM2aLtE5uJ1cH6dGfS9oPiKxWaB4";
  const addresses: string[] = [];
  vi.stubGlobal("history", {
    pushState: (_: unknown, __: string, address: string) => addresses.push(address),
    replaceState: (_: unknown, __: string, address: string) => addresses.push(address),
  });
  vi.stubGlobal("scrollTo", () => undefined);
  router.go("keys", null, { q: key });
  router.ask({ model: `${key} x` });
  expect(router.query.value).toEqual({ q: "sk-q…WaB4", model: "sk-q…WaB4 x" });
  expect(addresses).toHaveLength(2);
  expect(addresses.join()).not.toContain("q8Zr0Yw");
  expect(router.queryOf(`?q=${key}`)).toEqual({ q: "sk-q…WaB4" });
});
