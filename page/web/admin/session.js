// Who asks: an administrator's token, kept for this tab and nowhere else.

import { Refused, call, persist } from "../shared/http.js";

const KEPT = "parterre.admin-token";
let lost = () => {};

export const token = () => sessionStorage.getItem(KEPT);
export const keep = (given) => sessionStorage.setItem(KEPT, given);
export const forget = () => sessionStorage.clear();

/** `hear` is told when the server takes the token no longer. */
export function onLost(hear) {
  lost = hear;
}

/** A call of the admin API. */
export const ask = (path, options) => guarded((given) => call(address(path), { ...options, token: given }));

/** A call that may be repeated until it is known to be done. */
export const insist = (path, options) => guarded((given) => persist(address(path), { ...options, token: given }));

export const address = (path) => `/admin/v1${path}`;

/** Whether a token is missing or wrong. */
export const isAboutToken = ({ status }) => status === 401 || status === 403;

/** Does what needs the token, and notices when it is no good. */
export async function guarded(act) {
  const given = token();
  if (given === null) {
    throw new Refused(401, {});
  }
  try {
    return await act(given);
  } catch (refused) {
    if (isAboutToken(refused) && given === token()) {
      forget();
      lost(refused);
    }
    throw refused;
  }
}
