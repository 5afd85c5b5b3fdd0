import { expect, it } from "vitest";
import type { Account } from "../api/types";
import { differences } from "../conflict/changes";
import { accountChange, seenAccount, seenTyped, typedOf } from "./change";

const ANNA: Account = {
  id: "ac_1",
  name: "Anna",
  role: "admin",
  enabled: true,
  totp: true,
  recovery_codes: 10,
  created_at: "2026-11-22T00:00:00Z",
  updated_at: "2026-11-22T00:00:00Z",
  revision: "r",
};

it("an untouched form changes nothing", () => {
  expect(accountChange(ANNA, typedOf(ANNA))).toEqual({});
  expect(accountChange(null, typedOf(null))).toEqual({});
});

it("only what differs is sent", () => {
  const typed = typedOf(ANNA);
  expect(accountChange(ANNA, { ...typed, name: " Anna " })).toEqual({});
  expect(accountChange(ANNA, { ...typed, role: "viewer" })).toEqual({ role: "viewer" });
  expect(accountChange(ANNA, { ...typed, enabled: false, password: " p" })).toEqual({
    enabled: false,
    password: " p",
  });
  expect(accountChange(ANNA, { ...typed, endsCodes: true })).toEqual({ totp: null });
});

it("a new account has its role even where it is the first that is offered", () => {
  const typed = { ...typedOf(null), name: "Bob", password: "secret password" };
  expect(accountChange(null, typed)).toEqual({
    name: "Bob",
    role: "viewer",
    password: "secret password",
  });
});

it("a conflict shows what was typed, but no password", () => {
  const typed = { ...typedOf(ANNA), name: " Annie ", password: "secret password", endsCodes: true };
  const theirs = seenAccount({ ...ANNA, role: "owner" });
  const mine = seenTyped(ANNA, typed, "a new one");
  expect(differences(seenAccount(ANNA), theirs, mine)).toEqual([
    { name: "name", before: "Anna", theirs: null, mine: "Annie" },
    { name: "role", before: "admin", theirs: "owner", mine: null },
    { name: "totp", before: "true", theirs: null, mine: "false" },
    { name: "password", before: "•••", theirs: null, mine: "a new one" },
  ]);
  expect(seenTyped(ANNA, typedOf(ANNA), "a new one")).toEqual(seenAccount(ANNA));
});
