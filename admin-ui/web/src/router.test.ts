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
