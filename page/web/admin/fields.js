// Labelled fields, with a place beside each for what is wrong with it.

import { fill, h } from "../shared/dom.js";
import { t } from "../shared/language.js";
import { bad } from "./parts.js";
import { phrase } from "./phrases.js";
import { told } from "./said.js";

/** A field of a form. `hint` stays below it; `tag` and all else make the control. */
export function field(name, { label = t(`field-${name}`), hint, tag = "input", contents = [], ...attributes }) {
  const id = `field-${name}`;
  return h(
    "div",
    { class: `field ${id}` },
    h("label", { for: id }, label, attributes["aria-required"] && " *"),
    h(tag, { id, name, "aria-describedby": hint ? `${id}-hint ${id}-error` : `${id}-error`, ...attributes }, ...contents),
    hint && h("p", { class: "hint muted", id: `${id}-hint` }, hint),
    h("p", { class: "error", id: `${id}-error` }),
  );
}

/** A choice of one; `options` are pairs of value and text. */
export const choice = (name, options, more) =>
  field(name, { tag: "select", contents: options.map(([value, text]) => h("option", { value }, text)), ...more });

/** Says at each field what is wrong with it, and goes to the first; what no field has is
 * said in `notice`. Without errors it forgets those from before. */
export function complain(form, notice, errors) {
  form.querySelectorAll(".error").forEach((place) => fill(place));
  form.querySelectorAll("[aria-invalid]").forEach((control) => control.removeAttribute("aria-invalid"));
  const isHere = ({ field: name }) => Boolean(form.elements[name]?.id);
  for (const { field: name, reason } of errors.filter(isHere)) {
    form.elements[name].setAttribute("aria-invalid", "true");
    form.querySelector(`#field-${name}-error`).append(h("span", {}, phrase(reason)));
  }
  form.querySelector("[aria-invalid]")?.focus();
  const others = errors.filter((error) => !isHere(error)).map((error) => h("li", {}, told(error)));
  const list = others.length > 0 && h("ol", { class: "lines", tabindex: 0, "aria-label": t("errors") }, ...others);
  fill(notice, errors.length > 0 && bad(t("mend", { n: errors.length }), list));
}

/** Does something while the buttons of a form can't be pressed. */
export async function busily(form, act) {
  const buttons = [...form.querySelectorAll("button:enabled")];
  buttons.forEach((button) => (button.disabled = true));
  try {
    return await act();
  } finally {
    buttons.forEach((button) => (button.disabled = false));
  }
}
