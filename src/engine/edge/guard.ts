// Who may not speak to us: sources that scan or guess get silence for a growing time, on listeners with a profile alone.
import type { Clock } from '../../kernel/clock.ts';
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import { AddressList } from '../runtime/address-list.ts';
import type { Standing } from '../runtime/flow.ts';
import type { Flow } from '../runtime/sip-stack.ts';
import { type BanReason, judgeAnswer, judgeRequest, type Offence } from './offences.ts';

/** How a listener is hardened; one without a profile is neutral and bans nobody. */
export type ListenerProfile = 'phones' | 'carrier';

export interface GuardLimits {
  /** Points that ban a source. A wrong password is one; see `offences.ts` for the rest. */
  readonly banPoints: number;
  /** One point is forgiven in this time, so that a phone with an old password is not banned. */
  readonly forgiveMs: number;
  /** The first ban, the second, and so on; the last for every further one. */
  readonly banMs: readonly number[];
  /** After a ban and this time without another, the next one is the first again. */
  readonly strikeMemoryMs: number;
  /** Sources that are remembered; the one unheard the longest goes first. */
  readonly sources: number;
  /** Challenges that are remembered of one source, to know a wrong password from an old nonce. */
  readonly noncesPerSource: number;
}

const MINUTE_MS = 60_000;

export const defaultGuardLimits: GuardLimits = {
  banPoints: 20,
  forgiveMs: 15_000,
  banMs: [5 * MINUTE_MS, 30 * MINUTE_MS, 180 * MINUTE_MS, 1_440 * MINUTE_MS],
  strikeMemoryMs: 1_440 * MINUTE_MS,
  sources: 16_384,
  noncesPerSource: 64,
};

export interface Ban {
  /** An address, or the /64 network of an IPv6 one. */
  readonly address: string;
  /** What came by UDP may be forged: it bans UDP alone. What came by a connection bans everything. */
  readonly covers: 'udp' | 'all';
  readonly reason: BanReason;
  /** The listener that it was earned on. */
  readonly listener: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

interface Source {
  readonly address: string;
  readonly covers: 'udp' | 'all';
  points: number;
  atMs: number;
  hasSucceeded: boolean;
  strikes: number;
  readonly nonces: Set<string>;
  ban: Ban | undefined;
}

export interface GuardOptions {
  readonly clock: Clock;
  readonly limits?: Partial<GuardLimits> | undefined;
  readonly onBanned: (ban: Ban) => void;
  readonly onDropped: (why: 'banned' | 'scanner') => void;
}

export class Guard {
  readonly #options: GuardOptions;
  readonly #limits: GuardLimits;
  readonly #sources = new Map<string, Source>();
  #exempt = new AddressList();
  #hasExempt = false;
  /** When the last of all bans ends. */
  #bannedUntilMs = 0;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#limits = { ...defaultGuardLimits, ...options.limits };
  }

  /** Trunks and the like, which are neither counted nor banned; a ban that stands is lifted. Returns what is no address. */
  exempt(addresses: readonly string[]): string[] {
    this.#exempt = new AddressList();
    const bad = addresses.filter((address) => !this.#exempt.add(address));
    this.#hasExempt = addresses.length > bad.length;
    return bad;
  }

  /** Asked before anything of a source is parsed. */
  standing(address: string, isReliable: boolean): Standing {
    if (this.#exempt.has(address)) return 'trusted';
    if (!this.#isBanned(address, isReliable)) return 'unknown';
    this.#options.onDropped('banned');
    return 'banned';
  }

  /** Whether a request may go on; if not, it gets no answer. */
  admits(request: SipRequest, flow: Flow, profile: ListenerProfile): boolean {
    const host = flow.remote.host;
    if (this.#exempt.has(host)) return true;
    if (this.#isBanned(host, flow.isReliable)) return this.#drop(flow, 'banned');
    const source = this.#find(flow);
    const isStranger = source?.hasSucceeded !== true && (profile === 'phones' || this.#hasExempt);
    const offence = judgeRequest(request, isStranger);
    if (offence === undefined) return true;
    this.#count(flow, offence, source);
    return this.#drop(flow, 'scanner');
  }

  /** An answer that is relayed to a source: what it failed at counts, and what it succeeded at. */
  answered(request: SipRequest, response: SipResponse, flow: Flow): void {
    if (this.#exempt.has(flow.remote.host)) return;
    const known = this.#find(flow);
    const verdict = judgeAnswer(request, response, {
      isReliable: flow.isReliable,
      hasSucceeded: known?.hasSucceeded === true,
      hasIssued: (nonce) => known?.nonces.has(nonce) === true,
    });
    if (verdict === undefined) return;
    const source = known ?? this.#remember(flow);
    for (const nonce of verdict.issued) this.#keepNonce(source, nonce);
    if (verdict.offence !== undefined) this.#count(flow, verdict.offence, source);
    else {
      source.hasSucceeded = true;
      this.#settle(source);
      source.points = Math.max(0, source.points - verdict.credit);
    }
  }

  bans(): Ban[] {
    const now = this.#options.clock.now();
    return [...this.#sources.values()].flatMap(({ ban }) => (ban !== undefined && ban.untilMs > now ? [ban] : []));
  }

  /** Whether there was one. The source begins anew. */
  lift(address: string): boolean {
    let wasBanned = false;
    const now = this.#options.clock.now();
    for (const [key, source] of this.#sources) {
      if (source.address !== address && source.address !== networkOf(address)) continue;
      wasBanned ||= source.ban !== undefined && source.ban.untilMs > now;
      this.#sources.delete(key);
    }
    return wasBanned;
  }

  #drop(flow: Flow, why: 'banned' | 'scanner'): false {
    this.#options.onDropped(why);
    if (flow.isReliable && this.#isBanned(flow.remote.host, true)) flow.close();
    return false;
  }

  #isBanned(host: string, isReliable: boolean): boolean {
    const now = this.#options.clock.now();
    // Most of the time nobody is.
    if (this.#bannedUntilMs <= now) return false;
    const address = networkOf(host);
    const keys = isReliable ? [`all/${address}`] : [`all/${address}`, `udp/${address}`];
    return keys.some((key) => (this.#sources.get(key)?.ban?.untilMs ?? 0) > now);
  }

  #find(flow: Flow): Source | undefined {
    return this.#sources.get(keyOf(flow));
  }

  #remember(flow: Flow): Source {
    const address = networkOf(flow.remote.host);
    const covers = flow.isReliable ? 'all' : 'udp';
    const source: Source = {
      address,
      covers,
      points: 0,
      atMs: this.#options.clock.now(),
      hasSucceeded: false,
      strikes: 0,
      nonces: new Set(),
      ban: undefined,
    };
    if (this.#sources.size >= this.#limits.sources) this.#forgetOne();
    this.#sources.set(keyOf(flow), source);
    return source;
  }

  /** The one unheard the longest that is not banned; a flood of new sources lifts no ban while there is another. */
  #forgetOne(): void {
    const now = this.#options.clock.now();
    let first: string | undefined;
    for (const [key, { ban }] of this.#sources) {
      first ??= key;
      if (ban !== undefined && ban.untilMs > now) continue;
      this.#sources.delete(key);
      return;
    }
    if (first !== undefined) this.#sources.delete(first);
  }

  #keepNonce({ nonces }: Source, nonce: string): void {
    nonces.add(nonce);
    const oldest = nonces.values().next().value;
    if (nonces.size > this.#limits.noncesPerSource && oldest !== undefined) nonces.delete(oldest);
  }

  #count(flow: Flow, { points, reason }: Offence, known: Source | undefined): void {
    const source = known ?? this.#remember(flow);
    const key = keyOf(flow);
    this.#sources.delete(key);
    this.#sources.set(key, source);
    this.#settle(source);
    source.points += points;
    if (source.points >= this.#limits.banPoints) this.#ban(source, reason, flow);
  }

  #settle(source: Source): void {
    const now = this.#options.clock.now();
    source.points = Math.max(0, source.points - (now - source.atMs) / this.#limits.forgiveMs);
    source.atMs = now;
  }

  #ban(source: Source, reason: BanReason, { listener }: Flow): void {
    const now = this.#options.clock.now();
    const { banMs, strikeMemoryMs } = this.#limits;
    const isFirst = source.ban === undefined || now - source.ban.untilMs > strikeMemoryMs;
    source.strikes = isFirst ? 1 : source.strikes + 1;
    const forMs = banMs[Math.min(source.strikes, banMs.length) - 1] ?? MINUTE_MS;
    const { address, covers } = source;
    source.ban = {
      address,
      covers,
      reason,
      listener: listener.split('/')[0] ?? '',
      sinceMs: now,
      untilMs: now + forMs,
    };
    this.#bannedUntilMs = Math.max(this.#bannedUntilMs, source.ban.untilMs);
    source.points = 0;
    source.nonces.clear();
    source.hasSucceeded = false;
    this.#options.onBanned(source.ban);
  }
}

function keyOf(flow: Flow): string {
  return `${flow.isReliable ? 'all' : 'udp'}/${networkOf(flow.remote.host)}`;
}

/** A household has a /64 of IPv6, and may change within it at will. */
function networkOf(host: string): string {
  if (!host.includes(':')) return host;
  const [head = '', tail] = host.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - groups.length - after.length)).fill('0');
  return `${[...groups, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}
