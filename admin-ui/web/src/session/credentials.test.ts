import { expect, it } from "vitest";
import { credentialsOf } from "./credentials";

it("without a name it is the admin password", () => {
  expect(credentialsOf(" ", " p ", "123456")).toEqual({ password: " p " });
});

it("an account has a name, and a code only if one was typed", () => {
  expect(credentialsOf(" Anna ", "p", " ")).toEqual({ name: "Anna", password: "p" });
  expect(credentialsOf("Anna", "p", " 123 456 ")).toEqual({
    name: "Anna",
    password: "p",
    totp: "123 456",
  });
});
