import { expect, test } from "vitest";
import type { Settings } from "../api/types";
import { exceptions, exceptionsOf } from "./balance";

test("priorities with the other rule are listed and stored", () => {
  const settings = {
    balance: "weight",
    balance_by_priority: { "0": "least_busy", "5": "weight", "7": "least_busy" },
  } as unknown as Settings;
  expect(exceptionsOf(settings)).toEqual(["0", "7"]);
  expect(exceptions("weight", ["0", "7"])).toEqual({ "0": "least_busy", "7": "least_busy" });
  expect(exceptions("least_busy", ["3"])).toEqual({ "3": "weight" });
});
