// Elements from words: text is always text, never markup.

/** An element with attributes and children. `on…` are listeners, `false` and `null` are
 * left out, `true` is an attribute without a value. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    set(element, name, value);
  }
  element.append(...present(children));
  return element;
}

/** Replaces what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

/** The element that the markup promises. */
export const byId = (id) => document.getElementById(id);

/** Tells a screen reader something without moving the focus. */
export function announce(text) {
  byId("announcer").textContent = text;
}

function set(element, name, value) {
  if (name.startsWith("on")) {
    element.addEventListener(name.slice(2), value);
  } else if (value === true) {
    element.setAttribute(name, "");
  } else if (value !== false && value !== null && value !== undefined) {
    element.setAttribute(name, value);
  }
}

function present(children) {
  return children.flat().filter((child) => child !== null && child !== undefined && child !== false);
}
