// How long tests wait for what must come.

/** Nobody waits for it while all is well; a machine that is many times overloaded may need most of it. */
export const PATIENCE_MS = 30_000;
