// Warnings that an application can cause as often as it likes (fsmrf knocks four times a second): each is told once a minute.
import type { Clock } from '../../../kernel/clock.ts';
import type { Logger } from '../../../kernel/logger.ts';

const PAUSE_MS = 60_000;

/** `sentence` is one of ours, of which there are a few. */
export function warnSeldom(clock: Clock, logger: Logger): (sentence: string) => void {
  const toldAt = new Map<string, number>();
  return (sentence) => {
    const now = clock.monotonic();
    if (now - (toldAt.get(sentence) ?? Number.NEGATIVE_INFINITY) < PAUSE_MS) return;
    toldAt.set(sentence, now);
    logger.warn(sentence);
  };
}
