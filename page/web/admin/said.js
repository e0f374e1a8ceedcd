// What the server says, in the reader's language where that is known.

import { t } from "../shared/language.js";
import { reason } from "../shared/page.js";
import { bad, button } from "./parts.js";
import { phrase } from "./phrases.js";
import { isAboutToken } from "./session.js";

/** What to tell a person of what went wrong. */
export function said(error) {
  if (!error.problem) {
    reportError(error);
    return t("broken");
  }
  if (isAboutToken(error)) {
    return t("wrong-token");
  }
  const { errors } = error.problem;
  if (errors) {
    return errors.map(told).join("\n");
  }
  return phrase(reason(error));
}

/** The same of a call that mustn't be repeated blindly. */
export const saidOnce = (error) => (error.leavesUnknown ? t("look-first") : said(error));

/** One of the errors of an answer. */
export const told = ({ field, reason: why }) => `${field}: ${phrase(why)}`;

/** A notice of it, perhaps with a way to try again. */
export const trouble = (error, again) =>
  bad(said(error), again && button(t("retry"), () => again()));
