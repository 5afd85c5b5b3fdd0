import { beforeAll, expect, it, vi } from "vitest";

let address: typeof import("./address");

beforeAll(async () => {
  vi.stubGlobal("location", {
    pathname: "/admin/requests",
    search: "",
    origin: "https://gw.example",
  });
  vi.stubGlobal("addEventListener", () => undefined);
  address = await import("./address");
});

it.each([
  ["req_01abcXYZ", "req_01abcXYZ"],
  ["  x-request-id: req_7 ", "req_7"],
  ["https://gw.example/admin/requests/req_9?x=1", "req_9"],
  ['{"request":"req_3"}', "req_3"],
  ["req_", null],
  ["ck_1", null],
  ["", null],
])("the id in %j is %s", (pasted, id) => {
  expect(address.idIn(pasted)).toBe(id);
});

it("a link leads to the request, from anywhere", () => {
  const link = address.linkTo("req_1");
  expect(link).toBe("https://gw.example/admin/requests/req_1");
  expect(address.idIn(link)).toBe("req_1");
});
