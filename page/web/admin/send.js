// Sends a file, and tells how far it is; `fetch` couldn't say.

import { Refused } from "../shared/http.js";
import { t } from "../shared/language.js";
import { address, guarded } from "./session.js";

/** Posts a file as `kind`, and gives the answer's body. `tell` hears the share that is sent. */
export async function send(path, file, kind, tell) {
  // A file that was changed after it was chosen can't be read; the browser wouldn't say why.
  await file.slice(0, 1).arrayBuffer().catch(() => {
    throw Object.assign(new Refused(0, {}), { words: t("file-changed") });
  });
  return guarded((token) => new Promise((answer, fail) => {
    const request = new XMLHttpRequest();
    request.open("POST", address(path));
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Content-Type", kind);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => tell(total > 0 ? loaded / total : 1);
    request.upload.onload = () => tell(1);
    request.onload = () => (request.status < 300 ? answer(request.response) : fail(new Refused(request.status, request.response ?? {})));
    request.onerror = () => fail(new Refused(0, {}));
    request.send(file);
    tell(0);
  }));
}
