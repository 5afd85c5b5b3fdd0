//! That there is a text for every reason of the API. Nothing here runs; one without a text does not compile.
import type { ImportSkipped } from "../../generated/schema";
import type { movingEn } from "../i18n/moving.en";

type Within<Word extends Known, Known> = Word;

export type Agreement = Within<ImportSkipped, keyof typeof movingEn.skip>;
