// A call as people mean it: a caller, the places it went through, exactly one outcome and one record of it.
import type { UtcMs } from '../../kernel/clock.ts';
import type { ArtifactId, CallId } from '../../kernel/id.ts';
import { newId } from '../../kernel/id.ts';
import type { CallDirection, CallOutcome, CallStep, Cdr, LegQuality } from '../../model/cdr.ts';
import type { Phone } from '../../model/clinic.ts';
import type { CallerLeg } from '../leg/caller-leg.ts';
import { Ending } from '../leg/ending.ts';
import type { Media } from '../leg/media.ts';
import type { CallServices } from './services.ts';

export interface CallFacts {
  readonly direction: CallDirection;
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  /** The phone that calls, when it is one of ours. */
  readonly phone?: Phone;
  /** Set when the policy of the number or extension asks for it. */
  readonly isRecorded: boolean;
}

const MAX_STEPS = 100;

export class Call {
  readonly id: CallId;
  readonly caller: CallerLeg;
  readonly services: CallServices;
  readonly ending = new Ending<CallOutcome>();
  readonly artifacts: ArtifactId[] = [];
  /** Who was connected with the caller, one after the other. */
  readonly callees: Media[] = [];
  readonly #startedAt: UtcMs;
  readonly #steps: CallStep[] = [];
  #facts: CallFacts;
  #answeredAt: UtcMs | undefined;
  #written: Promise<void> | undefined;

  constructor(caller: CallerLeg, facts: CallFacts, services: CallServices) {
    this.id = newId<'call'>(services.random(16));
    this.caller = caller;
    this.services = services;
    this.#facts = facts;
    this.#startedAt = services.clock.now();
  }

  get facts(): CallFacts {
    return this.#facts;
  }

  /** From here on the call is to be recorded: it reached somebody whose calls are. */
  markRecorded(): void {
    this.#facts = { ...this.#facts, isRecorded: true };
  }

  step(kind: CallStep['kind'], name: string): void {
    if (this.#steps.length < MAX_STEPS) this.#steps.push({ at: this.services.clock.now(), kind, name });
  }

  /** Answers the caller, once; from then on the call counts as answered. */
  async answer(): Promise<Media> {
    const media = await this.caller.answer();
    this.#answeredAt ??= this.services.clock.now();
    return media;
  }

  get isAnswered(): boolean {
    return this.#answeredAt !== undefined;
  }

  /** The one ending: the caller is let go and the record written. Later calls change nothing. */
  end(outcome: CallOutcome): void {
    if (!this.ending.end(outcome)) return;
    const { direction, from, fromName, to } = this.#facts;
    this.#written = this.#write({
      callId: this.id,
      direction,
      from,
      fromName,
      to,
      startedAt: this.#startedAt,
      ...(this.#answeredAt === undefined ? {} : { answeredAt: this.#answeredAt }),
      endedAt: this.services.clock.now(),
      steps: [...this.#steps],
      outcome,
      artifacts: [...this.artifacts],
    });
  }

  /** The call has ended and its record is handed over. */
  async recorded(): Promise<void> {
    await this.ending.wait();
    await this.#written;
  }

  /** The media server is asked for the quality of each party's audio, which takes a moment at most. */
  async #write(record: Cdr): Promise<void> {
    const caller = this.caller.media;
    const quality = await Promise.all([
      ...(caller === undefined ? [] : [qualityOf('caller', caller)]),
      ...this.callees.map((media) => qualityOf('callee', media)),
    ]);
    const known = quality.filter((each) => each !== undefined);
    this.services.putCdr(known.length === 0 ? record : { ...record, quality: known });
  }
}

async function qualityOf(leg: LegQuality['leg'], media: Media): Promise<LegQuality | undefined> {
  const quality = await media.quality();
  return quality === undefined ? undefined : { leg, ...quality };
}
