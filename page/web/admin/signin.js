// The way in.

import { fill, h } from "../shared/dom.js";
import { Refused, call } from "../shared/http.js";
import { t } from "../shared/language.js";
import { title } from "../shared/page.js";
import { busily, field } from "./fields.js";
import { noticeboard } from "./parts.js";
import { trouble } from "./said.js";
import { address, keep } from "./session.js";

// What can stand in a header.
const POSSIBLE = /^[\x21-\x7e]+$/;

/** A form that calls `enter` once the server takes a token; `refused` says why it asks. */
export function signIn(refused, enter) {
  title(t("sign-in"));
  const notice = noticeboard();
  fill(notice, refused && trouble(refused));
  const submit = (event) => {
    event.preventDefault();
    const { token } = form.elements;
    return busily(form, async () => {
      try {
        await check(token.value.trim());
        enter();
      } catch (error) {
        fill(notice, trouble(error));
        token.focus();
      }
    });
  };
  const form = h(
    "form",
    { class: "panel sign-in", onsubmit: submit },
    h("h1", {}, t("admin")),
    h("p", {}, t("token-explained")),
    notice,
    field("token", { type: "password", autocomplete: "off" }),
    h("button", { class: "main" }, t("sign-in")),
  );
  return form;
}

async function check(given) {
  if (!POSSIBLE.test(given)) {
    throw new Refused(403, {});
  }
  await call(address("/creation-window"), { token: given });
  keep(given);
}
