// The shop: which page an address means. Each page is a document of its own, so that the
// browser's back, reload and new tab do what they always do.

import { byId, fill, h } from "../shared/dom.js";
import { t } from "../shared/language.js";
import { frame, mishap } from "../shared/page.js";
import "./words.js";

const address = new URLSearchParams(location.search);

frame(h("a", { href: "/?mine" }, t("mine")));
try {
  const { show } = await page();
  await show(byId("main"), address);
} catch (error) {
  // A part of the page didn't come, or is broken.
  fill(byId("main"), mishap(t("incomplete"), () => location.reload()));
  throw error;
}

function page() {
  if (address.has("event")) {
    return import("./event.js");
  }
  if (address.has("reservation")) {
    return import("./reservation.js");
  }
  return address.has("mine") ? import("./mine.js") : import("./programme.js");
}
