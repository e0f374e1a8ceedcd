// Money, times and counts as people write them.

import { language } from "./language.js";

const long = { weekday: "short", day: "numeric", month: "long", year: "numeric", hour: "numeric", minute: "2-digit" };
const moment = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" };

// As the core has them: browsers give some currencies fewer than ISO 4217 does.
const DECIMALS = {
  0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
  3: "BHD IQD JOD KWD LYD OMR TND",
};

/** How many decimals a currency's minor unit has. */
export const decimals = (currency) =>
  Number(Object.keys(DECIMALS).find((count) => DECIMALS[count].includes(currency)) ?? 2);

/** Minor units of a currency. */
export function money(minor, currency) {
  const digits = decimals(currency);
  const shown = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(language, { style: "currency", currency, ...shown }).format(minor / 10 ** digits);
}

/** When something begins, in the reader's own time zone. */
export const date = (text) => new Intl.DateTimeFormat(language, long).format(new Date(text));

/** When something happened, to the second. */
export const instant = (text) => new Intl.DateTimeFormat(language, moment).format(new Date(text));

/** The hour and minute of a time. */
export const clockTime = (at) =>
  new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" }).format(at);

/** Milliseconds left, as `9:59`, or with hours. */
export function countdown(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = two(seconds % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}

export const number = (count) => count.toLocaleString(language);
