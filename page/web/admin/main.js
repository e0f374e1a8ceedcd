// The administrator's page: who asks, and which view the address means. Views live in the
// hash, so that back, reload and bookmarks do what they always do.

import { byId, fill, h } from "../shared/dom.js";
import { t } from "../shared/language.js";
import { frame } from "../shared/page.js";
import { button, land, muted } from "./parts.js";
import { trouble } from "./said.js";
import { forget, onLost, token } from "./session.js";
import { signIn } from "./signin.js";
import "./words.js";

// By the hash, with a star for each id.
const VIEWS = {
  events: () => import("./events.js"),
  "events/new": () => import("./change.js"),
  "events/*": () => import("./event.js"),
  "events/*/change": () => import("./change.js"),
  "events/*/reservations": () => import("./reservations.js"),
  "reservations/*": () => import("./reservation.js"),
  audit: () => import("./audit.js"),
  window: () => import("./window.js"),
};
const ID = /\b[0-9A-Z]{26}\b/g;

const main = byId("main");
let leaving = new AbortController();

// The hash names views, so a jump within the page mustn't change it.
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", () => token() && show(true));
onLost(askForToken);
if (token()) {
  show(false);
} else {
  askForToken(null);
}

/** Shows the view that the address names; `isMoved` when the reader came from another. */
async function show(isMoved) {
  const path = location.hash.slice(2);
  const load = VIEWS[path.replace(ID, "*")];
  if (!load) {
    location.replace("#/events");
    return;
  }
  leave();
  const { signal } = leaving;
  const place = h("div", {}, muted(t("loading")));
  fill(main, place);
  header();
  try {
    await (await load()).show(place, { signal, id: path.match(ID)?.[0] });
  } catch (error) {
    fill(place, h("h1", {}, t("failed")), trouble(error, () => show(false)));
  }
  if (isMoved && !signal.aborted) {
    land(place.querySelector("h1") ?? main);
    scrollTo(0, 0);
  }
}

function leave() {
  leaving.abort();
  leaving = new AbortController();
}

// What was typed is there again once a token is given.
function askForToken(refused) {
  const address = location.hash;
  const typed = refused && main.querySelector("form") ? [...main.childNodes] : null;
  const enter = () => {
    header();
    if (typed && address === location.hash) {
      fill(main, ...typed);
    } else {
      show(true);
    }
  };
  frame();
  fill(main, signIn(refused, enter));
  main.querySelector("input").focus();
}

function signOut() {
  leave();
  forget();
  askForToken(null);
}

function header() {
  const links = ["events", "audit", "window"].map((name) =>
    h("a", { href: `#/${name}`, "aria-current": location.hash.startsWith(`#/${name}`) && "page" }, t(name)),
  );
  frame(...links, button(t("sign-out"), signOut, { class: "plain" }));
}
