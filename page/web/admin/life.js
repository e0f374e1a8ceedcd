// The two steps of an event's life that an administrator takes: publishing and cancelling.

import { fill, h } from "../shared/dom.js";
import { t } from "../shared/language.js";
import { question } from "./dialog.js";
import { stamp, zone } from "./entry.js";
import { busily } from "./fields.js";
import { button, good, muted, noticeboard, panel } from "./parts.js";
import { trouble } from "./said.js";
import { ask, insist } from "./session.js";

/** Publishes a draft: now, or in the next creation window. */
export function publishPanel({ id }, reload) {
  const notice = noticeboard();
  const acts = h("div", { class: "acts" });
  const element = panel("publish", muted(t("publish-explained")), notice, acts);
  // The API doesn't say of a draft that it waits, so what publishing answered is kept.
  const kept = `parterre.publish-at.${id}`;
  const putOff = (at) => fill(notice, good(t("put-off", { at: stamp(at), zone })));
  const publish = async (query) => {
    try {
      const { at } = await insist(`/events/${id}/publish${query}`, { method: "POST" });
      if (!at) {
        await reload(t("published"));
        return;
      }
      sessionStorage.setItem(kept, at);
      putOff(at);
    } catch (refused) {
      fill(notice, trouble(refused));
    }
  };
  const way = (words, query) => button(words, () => busily(acts, () => publish(query)));
  const offer = (window) =>
    fill(acts, way(t("publish-now"), "?urgent=true"), window.mode === "daily" && way(t("publish-window", window), ""));

  offer({});
  ask("/creation-window").then(offer, () => {});
  const at = sessionStorage.getItem(kept);
  if (Date.parse(at) > Date.now()) {
    putOff(at);
  }
  return element;
}

/** Cancels an event, after asking. */
export function cancelPanel({ id, title }, reload) {
  const notice = noticeboard();
  const cancel = async () => {
    const explained = h("p", {}, t("cancel-explained"));
    if (!(await question({ heading: t("cancel-heading", { title }), contents: [explained], yes: t("cancel-yes", { title }), no: t("cancel-no") }))) {
      return;
    }
    try {
      await insist(`/events/${id}/cancel`, { method: "POST" });
      await reload(t("cancelled"));
    } catch (refused) {
      fill(notice, trouble(refused));
    }
  };
  return panel("cancel", muted(t("cancel-explained")), notice, button(t("cancel-ask"), cancel));
}
