// How long tests wait for what must come.

/** Nobody waits for it while all is well; a machine that is many times overloaded may need most of it. */
export const PATIENCE_MS = 30_000;

/** Whether `holds` comes to be so. Polls: the one place where a test waits for real time. */
export async function until(holds: () => boolean | Promise<boolean>, deadlineMs = PATIENCE_MS): Promise<boolean> {
  const end = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return true;
}
