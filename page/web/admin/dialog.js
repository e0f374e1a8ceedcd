// A question before what can't be undone.

import { h } from "../shared/dom.js";
import { button } from "./parts.js";

/** Asks; gives what was filled in if the answer is yes, else null. */
export function question({ heading, contents, yes, no }) {
  const acts = [
    button(no, () => dialog.close(), { autofocus: true }),
    h("button", { class: "main", value: "yes" }, yes),
  ];
  const form = h("form", { method: "dialog" }, h("h2", { id: "question" }, heading), ...contents, h("div", { class: "acts" }, ...acts));
  const dialog = h("dialog", { "aria-labelledby": "question" }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(dialog.returnValue === "yes" ? new FormData(form) : null);
    });
  });
}
