// An ICE agent with one host candidate and one component (RFC 8445), and consent to go on sending (RFC 7675). Datagrams and time in,
// datagrams out by `send`; nothing from the wire makes it throw, and nobody without the password moves it.
import type { HostPort } from '../../kernel/ip.ts';
import { errorCode } from '../stun/binding.ts';
import type { StunMessage } from '../stun/message.ts';
import { formatStun, formatXorAddress, isAuthentic, parseStun, StunAttribute, StunType } from '../stun/message.ts';
import type { IceCandidate } from './candidate.ts';
import { CHECK_PRIORITY } from './candidate.ts';

/** RFC 8445 §14.2: one new check at a time, this far apart. */
const PACE_MS = 50;
/** §14.3: first wait for an answer, doubled up to the longest: somebody waits for the call. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 2_000;
const MAX_TRIES = 14;
/** RFC 7675 §5.1: about each 5 s, between 0.8 and 1.2 of it; without an answer for 30 s there is no consent. */
const CONSENT_MS = 5_000;
const CONSENT_LOST_MS = 30_000;
/** Later than this an answer is none: who kept it back would say for the peer that it is still there. */
const ANSWER_MS = 5_000;
/** The peer may show itself from this many addresses beside those that it named. */
const MAX_PAIRS = 32;
/** Transactions of ours that an answer may still come to. */
const MAX_OPEN = 64;
const TRANSACTION_BYTES = 12;
const NEVER = Number.NEGATIVE_INFINITY;

export interface IceCredentials {
  readonly ufrag: string;
  readonly password: string;
}

export interface IceOptions {
  readonly local: IceCredentials;
  readonly remote: IceCredentials;
  readonly candidates: readonly IceCandidate[];
  /** Whether it is ours to choose the pair. */
  readonly isControlling: boolean;
  /** `count` random bytes. */
  readonly random: (count: number) => Uint8Array;
  readonly send: (datagram: Buffer, to: HostPort) => void;
}

interface Pair extends HostPort {
  readonly priority: number;
  state: 'waiting' | 'asked' | 'good' | 'failed';
  tries: number;
  askedAt: number;
  /** When a check of ours was last answered: a check of theirs proves no address, for whoever heard it can repeat it. */
  answeredAt: number;
  /** The controlling side has chosen it; the other side's word may come before our own check of it is answered. */
  isChosen: boolean;
}

/** A check that an answer may come to. */
interface Question {
  readonly pair: Pair;
  readonly askedAt: number;
  readonly wasControlling: boolean;
  /** It told the peer that the pair is chosen. */
  readonly hasChoice: boolean;
}

export class IceAgent {
  /** Where to send; undefined before a pair is chosen. */
  selected: HostPort | undefined;
  #selectedPair: Pair | undefined;
  readonly #options: IceOptions;
  readonly #pairs: Pair[];
  #isControlling: boolean;
  readonly #tieBreaker: Buffer;
  readonly #open = new Map<string, Question>();
  #pacedAt = NEVER;
  #consentAt = NEVER;
  #consentWaitMs = CONSENT_MS;

  constructor(options: IceOptions) {
    this.#options = options;
    this.#isControlling = options.isControlling;
    this.#tieBreaker = Buffer.from(options.random(8));
    this.#pairs = options.candidates.map((candidate) => newPair(candidate, candidate.priority));
    this.#sort();
  }

  /** RFC 7675 §5.1: whether the peer still answers where we send. */
  hasConsent(now: number): boolean {
    return this.#selectedPair !== undefined && isFresh(this.#selectedPair, now);
  }

  /** Whether the peer has answered at this address. */
  knows({ host, port }: HostPort): boolean {
    return (this.#find(host, port)?.answeredAt ?? NEVER) > NEVER;
  }

  /** Whether a STUN datagram names this session or a check of ours; told without the cost of its integrity. */
  isMeant(datagram: Uint8Array): boolean {
    const message = parseStun(datagram);
    if (message === undefined) return false;
    return message.type === StunType.request ? this.#isNamed(message) : this.#open.has(keyOf(message));
  }

  step(now: number): void {
    for (const pair of this.#pairs) {
      const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (pair.tries - 1));
      if (pair.state !== 'asked' || now - pair.askedAt < waitMs) continue;
      if (pair.tries >= MAX_TRIES) pair.state = 'failed';
      else this.#ask(pair, now);
    }
    if (now - this.#pacedAt >= PACE_MS) {
      const next = this.#pairs.find(({ state }) => state === 'waiting');
      if (next !== undefined) {
        this.#pacedAt = now;
        this.#ask(next, now);
      }
    }
    this.#keepConsent(now);
  }

  /** A STUN datagram. */
  receive(datagram: Uint8Array, from: HostPort, now: number): void {
    const message = parseStun(datagram);
    if (message === undefined) return;
    if (message.type === StunType.request) this.#takeRequest(datagram, message, from, now);
    else if (message.type === StunType.success) this.#takeSuccess(datagram, message, from, now);
    else if (message.type === StunType.error) this.#takeError(datagram, message, now);
  }

  /** RFC 8445 §7.3. */
  #takeRequest(datagram: Uint8Array, message: StunMessage, from: HostPort, now: number): void {
    if (!this.#isNamed(message) || !isAuthentic(datagram, message, this.#options.local.password)) return;
    if (this.#isConflict(message, from)) return;
    const pair = this.#find(from.host, from.port) ?? this.#learn(message, from);
    if (pair === undefined) return;
    const isChoice = !this.#isControlling && message.attributes.has(StunAttribute.useCandidate);
    if (isChoice) pair.isChosen = true;
    // Before the answer: what the peer sends on hearing that shall find its address proven.
    this.#askBack(pair, isChoice, now);
    this.#answer(message, from);
    if (isChoice && isFresh(pair, now)) this.#select(pair, now);
  }

  /** §7.3.1.4: a check back at once, whatever became of the pair before; also when it is chosen and has not answered of late. */
  #askBack(pair: Pair, isChoice: boolean, now: number): void {
    const isRested = pair.state === 'waiting' || pair.state === 'failed';
    const isStale = isChoice && pair.state === 'good' && !isFresh(pair, now) && !this.#isSelected(pair);
    if (isRested || isStale) pair.tries = 0;
    else if (pair.state !== 'asked' || now - pair.askedAt < PACE_MS) return;
    this.#ask(pair, now);
  }

  #isNamed({ attributes }: StunMessage): boolean {
    const { local, remote } = this.#options;
    return attributes.get(StunAttribute.username)?.toString('utf8') === `${local.ufrag}:${remote.ufrag}`;
  }

  /** §7.3.1.1: both believe that they choose, or that the other does; the larger number wins. True: they were told to change. */
  #isConflict(message: StunMessage, from: HostPort): boolean {
    const role = this.#isControlling ? StunAttribute.iceControlling : StunAttribute.iceControlled;
    const theirs = message.attributes.get(role);
    if (theirs === undefined) return false;
    const oursIsLarger = Buffer.compare(this.#tieBreaker, theirs) >= 0;
    if (oursIsLarger !== this.#isControlling) {
      this.#isControlling = !this.#isControlling;
      return false;
    }
    const attributes = [[StunAttribute.errorCode, errorCode(487, 'Role Conflict')]] as const;
    this.#reply(StunType.error, message, attributes, from);
    return true;
  }

  #answer(message: StunMessage, from: HostPort): void {
    const address = formatXorAddress(from, message.transactionId);
    this.#reply(StunType.success, message, [[StunAttribute.xorMappedAddress, address]], from);
  }

  #reply(
    type: number,
    message: StunMessage,
    attributes: ReadonlyArray<readonly [number, Uint8Array]>,
    to: HostPort,
  ): void {
    const marks = { password: this.#options.local.password, hasFingerprint: true };
    this.#options.send(formatStun(type, message.transactionId, attributes, marks), to);
  }

  /** §7.3.1.3: an address that the peer did not name: its NAT's, or one hidden behind a name. */
  #learn(message: StunMessage, from: HostPort): Pair | undefined {
    if (this.#pairs.length >= MAX_PAIRS) return undefined;
    const given = message.attributes.get(StunAttribute.priority);
    const pair = newPair(from, given?.length === 4 ? given.readUInt32BE(0) : 0);
    this.#pairs.push(pair);
    this.#sort();
    return pair;
  }

  /** §7.2.5.3: an answer counts from where the question went. */
  #takeSuccess(datagram: Uint8Array, message: StunMessage, from: HostPort, now: number): void {
    const question = this.#closed(datagram, message, now);
    if (question === undefined) return;
    const { pair, hasChoice } = question;
    if (pair.host !== from.host || pair.port !== from.port) return;
    pair.state = 'good';
    pair.answeredAt = now;
    if (this.#isControlling ? hasChoice : pair.isChosen) this.#select(pair, now);
    else if (this.#isControlling) this.#choose(pair, now);
  }

  /** §8.1.1: of one host candidate the first pair that works is the one; the peer is told, and told again until it answers. */
  #choose(pair: Pair, now: number): void {
    if (this.#pairs.some(({ isChosen, state }) => isChosen && state !== 'failed')) return;
    pair.isChosen = true;
    pair.tries = 0;
    this.#ask(pair, now);
  }

  #takeError(datagram: Uint8Array, message: StunMessage, now: number): void {
    const question = this.#closed(datagram, message, now);
    if (question === undefined) return;
    const { pair, wasControlling } = question;
    const code = message.attributes.get(StunAttribute.errorCode);
    // §7.2.5.1: they choose, or we do, the other way than that check said.
    if (code?.[2] !== 4 || code[3] !== 87) return;
    this.#isControlling = !wasControlling;
    if (pair.tries < MAX_TRIES) this.#ask(pair, now);
  }

  /** What an authentic answer is the answer to. */
  #closed(datagram: Uint8Array, message: StunMessage, now: number): Question | undefined {
    const key = keyOf(message);
    const question = this.#open.get(key);
    if (question === undefined || !isAuthentic(datagram, message, this.#options.remote.password)) return undefined;
    this.#open.delete(key);
    return now - question.askedAt < ANSWER_MS ? question : undefined;
  }

  /** The controlled side follows the other's last choice (§8.1.1); the controlling side keeps its own while it holds. */
  #select(pair: Pair, now: number): void {
    if (this.#isSelected(pair) || (this.#isControlling && this.hasConsent(now))) return;
    this.selected = { host: pair.host, port: pair.port };
    this.#selectedPair = pair;
    this.#consentAt = pair.answeredAt;
  }

  #isSelected(pair: Pair): boolean {
    return this.#selectedPair === pair;
  }

  #keepConsent(now: number): void {
    const pair = this.#selectedPair;
    if (pair === undefined || !this.hasConsent(now) || now - this.#consentAt < this.#consentWaitMs) return;
    const [dice = 0] = this.#options.random(1);
    this.#consentWaitMs = CONSENT_MS * (0.8 + (0.4 * dice) / 255);
    this.#consentAt = now;
    this.#request(pair, now);
  }

  #ask(pair: Pair, now: number): void {
    pair.state = 'asked';
    pair.tries++;
    pair.askedAt = now;
    this.#request(pair, now);
  }

  #request(pair: Pair, now: number): void {
    const wasControlling = this.#isControlling;
    const hasChoice = this.#isControlling && pair.isChosen;
    const { local, remote, random, send } = this.#options;
    const transactionId = Buffer.from(random(TRANSACTION_BYTES));
    const priority = Buffer.alloc(4);
    priority.writeUInt32BE(CHECK_PRIORITY);
    const attributes: [number, Uint8Array][] = [
      [StunAttribute.username, Buffer.from(`${remote.ufrag}:${local.ufrag}`)],
      [StunAttribute.priority, priority],
      [this.#isControlling ? StunAttribute.iceControlling : StunAttribute.iceControlled, this.#tieBreaker],
    ];
    if (hasChoice) attributes.push([StunAttribute.useCandidate, Buffer.alloc(0)]);
    if (this.#open.size >= MAX_OPEN) this.#open.delete(this.#open.keys().next().value ?? '');
    this.#open.set(transactionId.toString('latin1'), { pair, askedAt: now, wasControlling, hasChoice });
    send(
      formatStun(StunType.request, transactionId, attributes, { password: remote.password, hasFingerprint: true }),
      pair,
    );
  }

  #find(host: string, port: number): Pair | undefined {
    return this.#pairs.find((pair) => pair.host === host && pair.port === port);
  }

  #sort(): void {
    this.#pairs.sort((a, b) => b.priority - a.priority);
  }
}

function newPair({ host, port }: HostPort, priority: number): Pair {
  return { host, port, priority, state: 'waiting', tries: 0, askedAt: 0, answeredAt: NEVER, isChosen: false };
}

/** RFC 7675 §5.1: who answered that long ago may be gone, and somebody else be there. */
function isFresh({ answeredAt }: Pair, now: number): boolean {
  return now - answeredAt < CONSENT_LOST_MS;
}

function keyOf({ transactionId }: StunMessage): string {
  return transactionId.toString('latin1');
}
