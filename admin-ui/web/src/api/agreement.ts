//! That there is a text for every word of the API. Nothing here runs; a word without a text does not compile.
import type { Reason } from "../../generated/schema";
import type { Messages } from "../i18n";

type Within<Word extends Known, Known> = Word;

export type Agreement = Within<`reason.${Reason}` | `why.${Reason}`, keyof Messages>;
