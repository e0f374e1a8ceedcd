// An event's availability: a snapshot, and the deltas that were folded into it.

/** States as a byte a ticket. */
export const FREE = 0;
const PENDING = 1;
const SOLD = 2;
export const WITHDRAWN = 3;

const CODES = { f: FREE, p: PENDING, s: SOLD, w: WITHDRAWN };

/** One event's states at a rev. The array of states stays the same one for ever. */
export class Fold {
  constructor({ rev, counts, states }) {
    this.states = new Uint8Array(states.length);
    this.replace({ rev, counts, states });
  }

  /** Takes a snapshot's word, and gives the tickets that changed. */
  replace({ rev, counts, states }) {
    this.rev = rev;
    this.counts = counts;
    const changed = [];
    for (let id = 0; id < states.length; id += 1) {
      this.#put(id, CODES[states[id]], changed);
    }
    return changed;
  }

  /** Takes a delta's word: the tickets that changed, or null when deltas between are
   * missing, so that only a snapshot helps. One that is known already changes nothing. */
  apply({ from, rev, counts, changes }) {
    if (rev <= this.rev) {
      return [];
    }
    if (from > this.rev) {
      return null;
    }
    this.rev = rev;
    this.counts = counts;
    const changed = [];
    for (const [letter, ids] of Object.entries(changes)) {
      for (const id of ids) {
        this.#put(id, CODES[letter], changed);
      }
    }
    return changed;
  }

  #put(id, code, changed) {
    if (this.states[id] !== code) {
      this.states[id] = code;
      changed.push(id);
    }
  }
}
