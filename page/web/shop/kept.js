// The reservations that this browser made: their tokens are all that proves whose they are.

import { store, stored } from "../shared/storage.js";

const KEPT = "parterre.reservations";
const MOST = 50;

/** All of them, newest first: id, token, event, title, made. */
export function kept() {
  try {
    return JSON.parse(stored(KEPT)) ?? [];
  } catch {
    return [];
  }
}

/** Keeps one more; beyond a bound the oldest goes. */
export function keep(reservation) {
  const others = kept().filter(({ id }) => id !== reservation.id);
  store(KEPT, JSON.stringify([reservation, ...others].slice(0, MOST)));
}

/** One of them. */
export const find = (id) => kept().find((reservation) => reservation.id === id);

/** Whether anything can be kept at all; without that, nothing may be reserved. */
export const canKeep = () => store(KEPT, JSON.stringify(kept()));
