// What people type, and what the API takes: local times and UTC, major units and minor.

import { decimals } from "../shared/format.js";
import { language } from "../shared/language.js";

/** The reader's time zone. */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });

/** When something happened, in the reader's zone. */
export const stamp = (text) => exact.format(new Date(text));

/** A time as `datetime-local` has it, to the minute. */
export function localTime(text) {
  const at = new Date(text);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The inverse of `localTime`. */
export const utcTime = (value) => new Date(value).toISOString();

/** Minor units of an amount as people write it; null when it is none. */
export function minor(text, currency) {
  const digits = decimals(currency);
  const [, whole, part = ""] = text.replaceAll(/\s/g, "").match(/^(\d{1,10})(?:[.,](\d*))?$/) ?? [];
  return whole === undefined || part.length > digits ? null : Number(whole + part.padEnd(digits, "0"));
}
