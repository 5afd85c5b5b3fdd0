//! That there is a text for every note and reason of the API. Nothing here runs; one without a text does not compile.
import type { ImportNoteCode, ImportSkipped } from "../../generated/schema";
import type { movingEn } from "../i18n/moving.en";

type Within<Word extends Known, Known> = Word;

export type Agreement =
  | Within<ImportNoteCode, keyof typeof movingEn.note>
  | Within<ImportSkipped, keyof typeof movingEn.skip>;
