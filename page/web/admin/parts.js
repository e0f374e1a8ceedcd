// Small parts that many views are made of.

import { h } from "../shared/dom.js";
import { t } from "../shared/language.js";
import { zone } from "./entry.js";

export const button = (text, onclick, more) => h("button", { type: "button", onclick, ...more }, text);

export const muted = (...text) => h("p", { class: "muted" }, ...text);

/** Which zone times are in. */
export const zoned = () => muted(t("zone", { zone }));

export const good = (text) => h("p", { class: "notice" }, text);

export const bad = (text, ...more) => h("div", { class: "notice bad" }, h("p", {}, text), ...more);

/** Goes to a heading, so that a screen reader hears where it has come to. */
export function land(heading) {
  heading.tabIndex = -1;
  heading.focus();
}

/** Where what went wrong is said, and heard. */
export const noticeboard = () => h("div", { class: "whole", role: "alert" });

/** A part of a page under a heading. */
export const panel = (name, ...contents) =>
  h("section", { class: "panel", "aria-labelledby": `${name}-heading` }, h("h2", { id: `${name}-heading` }, t(name)), ...contents);

/** One of several to choose from. */
export const radio = (name, value, checked) =>
  h("label", { class: "check" }, h("input", { type: "radio", name, value, checked }), t(`${name}-${value}`));

/** Names with their values. */
export const facts = (pairs) =>
  h("dl", { class: "figures" }, ...pairs.map(([name, value]) => h("div", {}, h("dt", {}, t(`field-${name}`)), h("dd", {}, value))));
