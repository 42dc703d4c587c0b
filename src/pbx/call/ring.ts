// Rings several contacts at once: the first answer wins, the others are cancelled; time and the caller's leaving end it (RFC 3261 §16.7 in spirit, as a back-to-back user agent).
import { codeOf } from '../../kernel/errors.ts';
import type { Attempt, CalledLeg } from '../leg/called-leg.ts';
import { isLegEnded } from '../leg/ending.ts';
import type { AttemptFault } from '../leg/faults.ts';
import type { Call } from './call.ts';

export type RingResult =
  | { readonly answered: CalledLeg; readonly index: number }
  | { readonly unanswered: AttemptFault }
  | { readonly callerLeft: true };

/** North American ringing, for a caller who was answered already (ITU-T E.180). */
const RINGING_TONE = 'tone_stream://%(2000,4000,440,480);loops=-1';

/** How long to ring, and how long to wait for a first sign of life when there is somebody else to try. */
export interface RingTimes {
  readonly seconds: number;
  readonly patienceSeconds?: number;
}

type Turn =
  | { readonly index: number; readonly outcome: Awaited<Attempt['outcome']> }
  | { readonly stop: 'time' | 'caller' | 'silence' };

/** Waits for one of `attempts`. Every attempt is over when it resolves. */
export async function ringAll(call: Call, attempts: readonly Attempt[], times: RingTimes): Promise<RingResult> {
  const { clock } = call.services;
  for (const attempt of attempts) attempt.ringing.onEnd(() => soundRinging(call));
  let stop: (turn: Turn) => void = () => {};
  const stopped = new Promise<Turn>((resolve) => {
    stop = resolve;
  });
  using timers = new DisposableStack();
  timers.use(clock.after(times.seconds * 1000, () => stop({ stop: 'time' })));
  if (times.patienceSeconds !== undefined) {
    const isSilent = () => attempts.every(({ ringing }) => !ringing.hasEnded);
    timers.use(clock.after(times.patienceSeconds * 1000, () => isSilent() && stop({ stop: 'silence' })));
  }
  timers.use(call.caller.ending.onEnd(() => stop({ stop: 'caller' })));
  try {
    return await firstAnswer(call, attempts, stopped);
  } finally {
    for (const attempt of attempts) attempt.cancel();
    await silenceRinging(call);
  }
}

async function firstAnswer(call: Call, attempts: readonly Attempt[], stopped: Promise<Turn>): Promise<RingResult> {
  const open = new Map(
    attempts.map((attempt, index) => [index, attempt.outcome.then((outcome): Turn => ({ index, outcome }))]),
  );
  const faults: AttemptFault[] = [];
  while (open.size > 0) {
    const turn = await Promise.race([...open.values(), stopped]);
    if ('stop' in turn) {
      if (turn.stop === 'caller') return { callerLeft: true };
      return { unanswered: { reason: turn.stop === 'silence' ? 'unreachable' : 'no-answer' } };
    }
    open.delete(turn.index);
    if ('failed' in turn.outcome) {
      faults.push(turn.outcome.failed);
      continue;
    }
    for (const [index, attempt] of attempts.entries()) if (index !== turn.index) attempt.cancel();
    try {
      return { answered: await turn.outcome.answered.complete(), index: turn.index };
    } catch (error) {
      if (isLegEnded(error)) return { unanswered: { reason: 'cancelled' } };
      call.services.logger.warn({ code: codeOf(error), callId: call.id }, 'a party answered without usable audio');
      return { unanswered: { reason: 'no-audio' } };
    }
  }
  return { unanswered: worst(faults) };
}

/** What the caller is told when nobody answered: somebody's being busy says more than a phone that is gone. */
function worst(faults: readonly AttemptFault[]): AttemptFault {
  for (const reason of ['busy', 'rejected', 'no-answer'] as const) {
    const fault = faults.find((candidate) => candidate.reason === reason);
    if (fault !== undefined) return fault;
  }
  return faults[0] ?? { reason: 'unreachable' };
}

function soundRinging(call: Call): void {
  const media = call.caller.media;
  if (media === undefined) call.caller.ring();
  else if (!ringingCalls.has(call)) {
    ringingCalls.add(call);
    media.startLoop(RINGING_TONE);
  }
}

/** Calls whose caller hears our ringing tone. */
const ringingCalls = new WeakSet<Call>();

async function silenceRinging(call: Call): Promise<void> {
  if (!ringingCalls.delete(call)) return;
  await call.caller.media?.stop().catch(() => {});
}
