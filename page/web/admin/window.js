// The creation window: the hours in which bulk writes run.

import { announce, fill, h } from "../shared/dom.js";
import { t } from "../shared/language.js";
import { title } from "../shared/page.js";
import { zone } from "./entry.js";
import { busily, complain, field } from "./fields.js";
import { bad, button, muted, noticeboard, radio } from "./parts.js";
import { said } from "./said.js";
import { ask, insist } from "./session.js";

const PATH = "/creation-window";

/** Shows it, to be changed. */
export async function show(place) {
  title(t("window"));
  const window = await ask(PATH);
  const notice = noticeboard();
  const now = h("p", { class: "notice", role: "status" }, inWords(window));
  const form = h(
    "form",
    { class: "entry panel", novalidate: true, "aria-label": t("window") },
    h("fieldset", { class: "whole" }, h("legend", {}, t("mode")), ...["always", "daily"].map((mode) => radio("mode", mode, window.mode === mode))),
    field("from", { type: "time", value: window.from ?? "02:00" }),
    field("to", { type: "time", value: window.to ?? "06:00" }),
    field("tz", { value: window.tz ?? zone, list: "zones", hint: t("hint-tz"), autocomplete: "off" }),
    h("datalist", { id: "zones" }, ...Intl.supportedValuesOf("timeZone").map((name) => h("option", { value: name }))),
    notice,
    h("button", { class: "main" }, t("save")),
  );
  const { elements } = form;
  const adapt = () => ["from", "to", "tz"].forEach((name) => (elements[name].disabled = elements.mode.value === "always"));
  const take = (suggested) => {
    Object.entries({ mode: "daily", ...suggested }).forEach(([name, value]) => (elements[name].value = value));
    adapt();
    announce(t("suggestion-taken"));
  };
  const save = async () => {
    try {
      const saved = await insist(PATH, { method: "PUT", body: Object.fromEntries(new FormData(form)) });
      complain(form, notice, []);
      fill(now, inWords(saved));
    } catch (refused) {
      if (refused.problem?.errors) {
        complain(form, notice, refused.problem.errors);
      } else {
        fill(notice, bad(said(refused)));
      }
    }
  };
  form.addEventListener("change", adapt);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busily(form, save);
  });
  adapt();
  fill(place, h("h1", {}, t("window")), h("p", {}, t("window-explained")), now, suggestion(window.suggested, take), form);
}

const inWords = (window) => t(`window-${window.mode}`, window);

function suggestion(suggested, take) {
  return suggested
    ? h("div", { class: "notice" }, h("p", {}, t("suggested", suggested)), button(t("take-suggestion"), () => take(suggested)))
    : muted(t("no-suggestion"));
}
