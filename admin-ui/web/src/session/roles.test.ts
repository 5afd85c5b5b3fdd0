import { beforeAll, beforeEach, expect, it, vi } from "vitest";
import type { SessionInfo } from "../api/types";

let roles: typeof import("./roles");
let session: typeof import("./session");

beforeAll(async () => {
  vi.stubGlobal("localStorage", { getItem: () => "en", setItem: () => undefined });
  vi.stubGlobal("document", { documentElement: {} });
  vi.stubGlobal("navigator", { languages: ["en"] });
  roles = await import("./roles");
  session = await import("./session");
});

beforeEach(() => {
  session.sessionInfo.value = null;
});

const as = (role: SessionInfo["role"]) => {
  session.sessionInfo.value = { role, name: "x", id: "ac_1" } as SessionInfo;
};

it.each([
  ["viewer", "viewer", true],
  ["viewer", "admin", false],
  ["admin", "admin", true],
  ["admin", "owner", false],
  ["owner", "viewer", true],
  ["member", "viewer", false],
] as const)("%s reaches %s: %s", (role, least, reaches) => {
  expect(roles.reaches(role, least)).toBe(reaches);
  as(role);
  expect(roles.may(least)).toBe(reaches);
  expect("disabled" in roles.denied(least)).toBe(!reaches);
});

it("a button that may not be pressed says why", () => {
  as("viewer");
  expect(roles.denied()).toEqual({ disabled: true, title: "Your role (Viewer) cannot do this." });
});

it("of an unknown session everything is offered", () => {
  expect(roles.may("owner")).toBe(true);
  expect(roles.denied("owner")).toEqual({});
});
