// Calls to the server this page came from.

/** An answer that isn't the one wished for: a problem as the server words it, or none when
 * nothing was heard at all. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
  }

  get slug() {
    return this.problem.type?.replace("/problems/", "") ?? "";
  }

  /** Whether asking again may help. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** Whether the server may have done what it was asked to. */
  get leavesUnknown() {
    return this.status === 0 || this.status === 504;
  }
}

const PATIENCE_MS = 20_000;

// The server's time when this page was opened, and how sure that is. What has passed since
// is told by a clock that nobody sets.
const clock = { opened: performance.timeOrigin, doubt: Infinity };

/** The server's time in milliseconds. */
export const serverNow = () => clock.opened + performance.now();

/** Asks, and gives the body of an answer that went well.
 * @param options method, token, body (an object, or a string or file with `kind`), headers */
export async function call(path, options = {}) {
  const asked = performance.now();
  const response = await fetch(path, request(options)).catch(() => {
    throw new Refused(0, {});
  });
  if (options.method || options.token) {
    learnTime(response, asked);
  }
  const body = await read(response);
  if (!response.ok) {
    throw new Refused(response.status, body ?? {});
  }
  if (body === undefined) {
    // It broke off, or something in between answered.
    throw new Refused(0, {});
  }
  return body;
}

/** The same, again while that may help and `attempts` last: for calls that can be repeated. */
export async function persist(path, options, attempts = 4) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call(path, options);
    } catch (refused) {
      if (!refused.isPassing || attempt >= attempts) {
        throw refused;
      }
      await new Promise((done) => setTimeout(done, 400 * 2 ** attempt * (0.5 + Math.random())));
    }
  }
}

/** A text that nobody else makes. */
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function request({ method = "GET", token, body, kind, headers = {} }) {
  const all = { Accept: "application/json", ...headers };
  if (token) {
    all.Authorization = `Bearer ${token}`;
  }
  if (body !== undefined) {
    all["Content-Type"] = kind ?? "application/json";
  }
  return {
    method,
    headers: all,
    body: kind ? body : JSON.stringify(body),
    cache: token ? "no-store" : "default",
    signal: AbortSignal.timeout(PATIENCE_MS),
  };
}

// Null for an answer without a body, nothing for one that can't be read.
async function read(response) {
  try {
    const text = await response.text();
    return text === "" ? null : JSON.parse(text);
  } catch {
    return undefined;
  }
}

// `Date` has whole seconds and the way takes time: each answer bounds how far the clocks
// are apart, and the narrowest bound is believed. Of an answer from a cache it would be the
// time when that was filled, so what may be cached teaches nothing.
function learnTime(response, asked) {
  const said = Date.parse(response.headers.get("Date") ?? "");
  const heard = performance.now();
  const doubt = heard - asked + 1000;
  if (!Number.isNaN(said) && doubt < clock.doubt) {
    clock.doubt = doubt;
    clock.opened = said + 500 - (asked + heard) / 2;
  }
}
