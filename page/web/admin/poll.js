// Asking again and again, politely: one call at a time, only while the page is seen, and
// less often while the server doesn't answer.

import { lagBanner } from "../shared/page.js";
import { isAboutToken } from "./session.js";

const EVERY_MS = 2_500;
const SELDOM_MS = 30_000;
const lag = lagBanner();

/** Calls `act` until the view is left, which `signal` says; gives a way to call it at once. */
export function poll(signal, act) {
  let timer = 0;
  let failures = 0;
  let heardAt = Date.now();
  let isAsking = false;
  let isHurried = false;

  const later = (milliseconds) => {
    clearTimeout(timer);
    if (!signal.aborted && !document.hidden) {
      timer = setTimeout(turn, milliseconds);
    }
  };
  const turn = async () => {
    isHurried = isAsking;
    if (isAsking) {
      return;
    }
    isAsking = true;
    const error = await act().then(() => null, (refused) => refused);
    isAsking = false;
    failures = error && !isAboutToken(error) ? failures + 1 : 0;
    heardAt = error ? heardAt : Date.now();
    lag(failures > 0 && !signal.aborted ? heardAt : null);
    later(isHurried ? 0 : Math.min(SELDOM_MS, EVERY_MS * 2 ** failures));
  };
  document.addEventListener("visibilitychange", () => later(0), { signal });
  addEventListener("online", () => later(0), { signal });
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    lag(null);
  });
  later(EVERY_MS);
  return turn;
}
