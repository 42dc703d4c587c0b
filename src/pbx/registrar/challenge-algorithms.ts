// Which digests a phone is offered: RFC 8760 §2.4 has it skip the ones it does not know, but many phones give up at the first such challenge.
import type { Clock, Instant } from '../../kernel/clock.ts';
import type { SipArrival } from '../leg/sip-arrival.ts';
import type { DigestAlgorithm } from './digest.ts';

const BOTH: readonly DigestAlgorithm[] = ['SHA-256', 'MD5'];
const MD5_ALONE: readonly DigestAlgorithm[] = ['MD5'];
const MAX_REMEMBERED = 10_000;
/** A phone that starts sends several requests at once: only one that has had time to answer has given up. */
const TIME_TO_ANSWER_MS = 3_000;

/** baresip learned SHA-256 with 3.12; before, any challenge but MD5 makes it give up (baresip issue 3006), as it does SIP.js. */
const KNOWS_MD5_ALONE = /^(?:baresip v(?:[0-2]\.|3\.(?:\d|1[01])\.)|SIP\.js\/)/;

/** What tells phones apart. */
type Asking = Pick<SipArrival, 'source' | 'from' | 'header'>;

/** When a phone was first offered both; or that it never answered, and is offered MD5 alone since. */
type Remembered = Instant | 'md5-alone';

/**
 * Whoever leaves a double challenge unanswered and asks anew is offered MD5 alone from then on. Nothing is lost by that: MD5 was
 * on offer before, and it is remembered by user and source address, so that nobody decides it for a phone elsewhere.
 */
export class ChallengeAlgorithms {
  readonly #clock: Clock;
  readonly #remembered = new Map<string, Remembered>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The algorithms to offer to who sent this request, the preferred one first. */
  offerTo(arrival: Asking): readonly DigestAlgorithm[] {
    if (KNOWS_MD5_ALONE.test(arrival.header('User-Agent') ?? '')) return MD5_ALONE;
    const key = keyOf(arrival);
    const now = this.#clock.monotonic();
    const before = this.#remembered.get(key) ?? now;
    const hasGivenUp = before === 'md5-alone' || now - before >= TIME_TO_ANSWER_MS;
    this.#remember(key, hasGivenUp ? 'md5-alone' : before);
    return hasGivenUp ? MD5_ALONE : BOTH;
  }

  /** The phone answered a challenge, whatever the answer was worth. */
  answered(arrival: Asking): void {
    const key = keyOf(arrival);
    if (this.#remembered.get(key) !== 'md5-alone') this.#remembered.delete(key);
  }

  #remember(key: string, value: Remembered): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, value);
    const oldest = this.#remembered.keys().next().value;
    if (this.#remembered.size > MAX_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
  }
}

function keyOf(arrival: Asking): string {
  return `${arrival.source.host} ${arrival.from?.uri.user ?? ''}`;
}
