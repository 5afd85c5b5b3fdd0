//! That what the panel reads is what the API's document promises. Nothing here runs; a disagreement
//! does not compile.

import type * as wire from "../../generated/schema";
import type { Messages } from "../i18n";
import type * as past from "./ledger";
import type * as ours from "./types";

/** A value as readers give it: what may be absent is null then. */
type Given<T> = T extends (infer One)[]
  ? Given<One>[]
  : T extends object
    ? {
        [K in keyof T]-?: Given<Exclude<T[K], undefined>> | (undefined extends T[K] ? null : never);
      }
    : T;

type Agrees<Wire extends Ours, Ours> = Wire;

export type Agreement = [
  // What is said of Azure is the same for reading and writing, and only writing may leave members out.
  Agrees<Given<Omit<wire.Channel, "azure" | "prices">>, Omit<ours.Channel, "azure" | "prices">>,
  // Without prices the member is absent, which is read as an empty table.
  Agrees<Given<NonNullable<wire.Channel["prices"]>>, ours.Channel["prices"]>,
  Agrees<Given<wire.ClientKey>, ours.ClientKey>,
  Agrees<Given<wire.ClientKeyCreated>, ours.CreatedKey>,
  Agrees<Given<wire.Status>, ours.Status>,
  Agrees<Given<wire.Route>, ours.DryRun>,
  Agrees<Given<wire.TestOutcome>, ours.Trial>,
  Agrees<Given<wire.Settings>, ours.Settings>,
  Agrees<Given<wire.Session>, ours.SessionInfo>,
  Agrees<Given<wire.UsageRow>, past.UsageRow>,
  Agrees<Given<wire.RequestPage>, past.RequestPage>,
  Agrees<Given<wire.Allowance>, past.Allowance>,
  // Every reason has a text.
  Agrees<`reason.${wire.Reason}`, keyof Messages>,
];
