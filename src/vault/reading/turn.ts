// Between two slices of something long.

/** How long the background rests at most, when people ask without a pause: it must come to its end, too. */
const MAX_REST_MS = 20;

/** How many wait for an answer of another thread. */
let waiting: Int32Array | undefined;

/** Lets others have their turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** From here on `backgroundTurn` rests while the first of `count`, which threads share, is not 0. */
export function giveWayTo(count: Int32Array): void {
  waiting = count;
}

/**
 * For what nobody waits for: rests while somebody waits for an answer of another thread. A lower priority alone does not do: on a busy
 * processor each step of that answer would wait for the end of a time slice. The whole thread rests; it must be one that gives way.
 */
export async function backgroundTurn(): Promise<void> {
  await turn();
  const count = waiting === undefined ? 0 : Atomics.load(waiting, 0);
  if (waiting !== undefined && count > 0) Atomics.wait(waiting, 0, count, MAX_REST_MS);
}
