// The live connection: subscribes, hears, and comes back by itself.

const SILENCE_MS = 60_000;
const CHECK_MS = 5_000;
const BACK_MS = { least: 500, most: 15_000 };

/** Hears of one event or of the counts of all.
 *
 * `greet` gives what to send on every (re)connection, so that a subscription resumes where
 * the listener is by then. `hear` gets every message. `lag` gets null when what is shown is
 * up to date, else the time in milliseconds since when it may not be. */
export class Live {
  #greet;
  #hear;
  #lag;
  #socket = null;
  #heardAt = 0;
  #isStale = false;
  #attempts = 0;
  #timer = 0;

  constructor({ greet, hear, lag }) {
    this.#greet = greet;
    this.#hear = hear;
    this.#lag = lag;
    this.#connect();
    setInterval(() => this.#check(), CHECK_MS);
    // A page with an open connection couldn't be kept for the way back.
    addEventListener("pagehide", () => this.#leave());
    addEventListener("pageshow", ({ persisted }) => persisted && this.#connect());
    addEventListener("online", () => this.#hurry());
  }

  /** Sends a message if there is a connection; if not, `greet` will say it. */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(message));
    }
  }

  #connect() {
    clearTimeout(this.#timer);
    const socket = new WebSocket("/v1/live", "parterre.v1.json");
    this.#socket = socket;
    this.#heardAt = Date.now();
    this.#isStale = false;
    socket.onopen = () => this.#greet().forEach((message) => this.send(message));
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = ({ reason }) => this.#lost(socket, reason);
  }

  #take(message) {
    this.#heardAt = Date.now();
    this.#attempts = 0;
    if (message.op === "stale" || message.op === "fresh") {
      this.#isStale = message.op === "stale";
    }
    // A stale server says so before anything else.
    if (message.op === "stale") {
      this.#lag(this.#heardAt - message.seconds * 1000);
    } else if (!this.#isStale) {
      this.#lag(null);
    }
    if (!["stale", "fresh", "heartbeat"].includes(message.op)) {
      this.#hear(message);
    }
  }

  #lost(socket, reason) {
    if (socket !== this.#socket) {
      return;
    }
    this.#socket = null;
    this.#lag(this.#heardAt);
    this.#attempts += 1;
    this.#timer = setTimeout(() => this.#connect(), wished(reason) ?? jittered(this.#attempts));
  }

  #check() {
    if (this.#socket?.readyState === WebSocket.OPEN && Date.now() - this.#heardAt > SILENCE_MS) {
      const silent = this.#socket;
      silent.close();
      this.#lost(silent, "");
    }
  }

  #hurry() {
    if (this.#socket === null) {
      this.#connect();
    }
  }

  #leave() {
    const socket = this.#socket;
    clearTimeout(this.#timer);
    this.#socket = null;
    socket?.close();
  }
}

// When a server that goes away wants everyone back: not all at once.
function wished(reason) {
  try {
    return JSON.parse(reason).reconnect_after_ms;
  } catch {
    return undefined;
  }
}

function jittered(attempts) {
  const most = Math.min(BACK_MS.most, BACK_MS.least * 2 ** attempts);
  return BACK_MS.least + Math.random() * (most - BACK_MS.least);
}
