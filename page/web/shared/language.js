// The page's language: English or Russian, as chosen, else as the browser asks.

import { store, stored } from "./storage.js";

const KEPT = "parterre.language";
const LANGUAGES = { en: "English", ru: "Русский" };

/** `en` or `ru`. */
export const language = chosen();
document.documentElement.lang = language;

const plural = new Intl.PluralRules(language);
const known = {};

/** Adds words of both languages: a text, or an object of plural forms, by a key. */
export function speak(words) {
  Object.assign(known, words[language]);
}

/** Whether there are words for a key. */
export const knows = (key) => key in known;

/** What a key says. `{name}` in it stands for a value; a form is chosen by `values.n`. */
export function t(key, values = {}) {
  const said = known[key] ?? key;
  const text = typeof said === "string" ? said : (said[plural.select(values.n)] ?? said.other);
  return text.replace(/\{(\w+)\}/g, (_, name) => shown(values[name]));
}

/** The other language: its name, and how to change to it. */
export function otherLanguage() {
  const code = language === "en" ? "ru" : "en";
  const take = () => {
    store(KEPT, code);
    location.reload();
  };
  return { code, name: LANGUAGES[code], take };
}

function chosen() {
  const kept = stored(KEPT);
  if (kept in LANGUAGES) {
    return kept;
  }
  const asked = navigator.languages.map((tag) => tag.slice(0, 2));
  return asked.find((code) => code in LANGUAGES) ?? "en";
}

function shown(value) {
  return typeof value === "number" ? value.toLocaleString(language) : String(value ?? "");
}
