// What every page has around it: the heading, the language, the banner, the errors.

import { byId, fill, h } from "./dom.js";
import { clockTime } from "./format.js";
import { Refused } from "./http.js";
import { knows, otherLanguage, speak, t } from "./language.js";

speak({
  en: {
    skip: "Skip to the content",
    stale: "Not live since {time}. What you see may be late; it goes on by itself.",
    unheard: "The server can't be reached. Check the connection and try again.",
    busy: "The server is busy. Try again in a moment.",
    unknown: "The server didn't answer in time; it isn't known whether it was done. Trying again is safe.",
    retry: "Try again",
  },
  ru: {
    skip: "К содержанию",
    stale: "Нет связи с {time}. Данные могут запаздывать; всё продолжится само.",
    unheard: "Сервер недоступен. Проверьте соединение и попробуйте ещё раз.",
    busy: "Сервер занят. Попробуйте чуть позже.",
    unknown: "Сервер не ответил вовремя; неизвестно, выполнено ли действие. Повторить безопасно.",
    retry: "Повторить",
  },
});

// A connection that comes back within this time was never missed.
const QUIET_MS = 2_000;

/** Puts the language and the links into the frame that the document has. */
export function frame(...links) {
  const other = otherLanguage();
  byId("skip").textContent = t("skip");
  fill(
    byId("links"),
    ...links,
    h("button", { type: "button", class: "plain", lang: other.code, onclick: other.take }, other.name),
  );
}

/** Titles the page. */
export function title(text) {
  document.title = `${text} · Parterre`;
}

/** A listener for `Live` that says since when what is shown may be late. */
export function lagBanner() {
  let since = null;
  let timer = 0;
  const say = () => {
    byId("stale").hidden = since === null;
    byId("stale").textContent = since === null ? "" : t("stale", { time: clockTime(since) });
  };
  return (at) => {
    if ((at === null) === (since === null)) {
      return;
    }
    since = at;
    clearTimeout(timer);
    timer = setTimeout(say, at === null ? 0 : Math.max(0, QUIET_MS - (Date.now() - at)));
  };
}

/** What to tell a person of a call that was refused. Any other error is a bug and stays
 * one. */
export function reason(refused) {
  if (!(refused instanceof Refused)) {
    throw refused;
  }
  if (refused.status === 0) {
    return t("unheard");
  }
  if (refused.slug === "outcome-unknown") {
    return t("unknown");
  }
  // What a page has words of its own for.
  const own = `problem-${refused.slug}`;
  if (knows(own)) {
    return t(own);
  }
  return refused.slug === "busy" || refused.status === 429 ? t("busy") : fields(refused);
}

/** A notice of a call that was refused, with a way to try again. */
export function failure(refused, again) {
  return mishap(reason(refused), again);
}

/** A notice of something that went wrong, with a way to try again. */
export function mishap(text, again) {
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    h("p", {}, text),
    again && h("button", { type: "button", onclick: again }, t("retry")),
  );
}

function fields(refused) {
  const errors = refused.problem.errors ?? [];
  return errors.length > 0
    ? errors.map(({ field, reason: why }) => `${field}: ${why}`).join("\n")
    : refused.message;
}
