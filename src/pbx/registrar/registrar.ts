// The registrar: bindings in memory, new ones durable in the vault before their 200, refreshes written behind (RFC 3261 §10.3; architecture, "Acknowledged").
import type { Clock } from '../../kernel/clock.ts';
import { codeOf } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { ContactBinding } from '../../model/binding.ts';
import type { Vault } from '../../vault/contract.ts';
import type { SipArrival } from '../leg/sip-arrival.ts';
import type { Authenticator } from './authenticator.ts';
import type { Registration, RegistrationEffect, RegistrationRefusal } from './bindings.ts';
import { applyRegistration, MIN_EXPIRES_SECONDS, parseContacts, parseExpires } from './bindings.ts';

export interface RegistrarOptions {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly authenticator: Authenticator;
  /** Called after each 200 that left the phone with a live binding. */
  readonly onRegistered: (username: string, binding: ContactBinding) => void;
}

const REFRESH_MS = 5_000;
const SWEEP_MS = 1_000;
const MAX_REMOVALS_WAITING = 10_000;
const RETRY_AFTER_SECONDS = 5;

interface Removal {
  readonly binding: ContactBinding;
  readonly reason: 'unregistered' | 'expired' | 'replaced';
}

export class Registrar implements AsyncDisposable {
  readonly #options: RegistrarOptions;
  readonly #byUsername = new Map<string, readonly ContactBinding[]>();
  /** One REGISTER at a time for each address-of-record. */
  readonly #turns = new Map<string, Promise<void>>();
  #dirty = new Map<string, ContactBinding>();
  #removals: Removal[] = [];
  #flushTimer: Disposable | undefined;
  #sweepTimer: Disposable | undefined;
  #isSweeping = false;

  constructor(options: RegistrarOptions) {
    this.#options = options;
  }

  /** Takes up what was registered before a restart. */
  async load(): Promise<void> {
    const { bindings } = await this.#options.vault.ask('bindings.list', {});
    for (const binding of bindings) {
      this.#byUsername.set(binding.username, [...(this.#byUsername.get(binding.username) ?? []), binding]);
    }
    this.#scheduleSweep();
  }

  /** Live bindings, the most preferred first (RFC 3261 §10.2.1.2). */
  bindingsOf(username: string): ContactBinding[] {
    const now = this.#options.clock.now();
    const bindings = this.#byUsername.get(username) ?? [];
    return bindings.filter(({ expiresAt }) => expiresAt > now).sort((a, b) => b.q - a.q);
  }

  get count(): number {
    let count = 0;
    for (const username of this.#byUsername.keys()) count += this.bindingsOf(username).length;
    return count;
  }

  get usernames(): string[] {
    return [...this.#byUsername.keys()].filter((username) => this.bindingsOf(username).length > 0);
  }

  async handle(arrival: SipArrival): Promise<void> {
    // RFC 3261 §10.3; carriers and engines have no business here.
    if (arrival.listener?.name !== 'phones') return arrival.reply(403);
    const username = this.#options.authenticator.authenticate(arrival);
    if (username === undefined) return;
    if (arrival.to?.uri.user !== username) return arrival.reply(403);
    const request = registrationOf(arrival, username);
    if (request === undefined) return arrival.reply(400);
    const turn = (this.#turns.get(username) ?? Promise.resolve()).then(() => this.#register(arrival, request));
    const settled = turn.catch(() => {});
    this.#turns.set(username, settled);
    await turn.finally(() => {
      if (this.#turns.get(username) === settled) this.#turns.delete(username);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sweepTimer?.[Symbol.dispose]();
    this.#flushTimer?.[Symbol.dispose]();
    await this.#flush();
    this.#flushTimer?.[Symbol.dispose]();
  }

  async #register(arrival: SipArrival, request: Registration): Promise<void> {
    const { clock, logger, onRegistered } = this.#options;
    const effect = applyRegistration(this.bindingsOf(request.username), request, clock.now());
    if ('refused' in effect) return refuse(arrival, effect.refused);
    try {
      await this.#store(effect, arrival);
    } catch (error) {
      // A new binding is a promise that only the vault can keep; refreshes go on without it.
      logger.warn({ code: codeOf(error) }, 'a registration could not be stored');
      return arrival.reply(503, { headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) } });
    }
    this.#byUsername.set(request.username, effect.bindings);
    if (effect.bindings.length === 0) this.#byUsername.delete(request.username);
    for (const binding of effect.refreshed) this.#dirty.set(keyOf(binding), binding);
    if (effect.refreshed.length > 0) this.#scheduleFlush();
    arrival.reply(200, { headers: contactHeader(effect.bindings, clock.now()) });
    const latest = [...effect.stored, ...effect.refreshed].at(-1);
    if (latest !== undefined) onRegistered(request.username, latest);
  }

  async #store({ stored, removed }: RegistrationEffect, arrival: SipArrival): Promise<void> {
    const { vault } = this.#options;
    for (const binding of stored) {
      const actor = { kind: 'phone', username: binding.username } as const;
      await vault.ask('bindings.put', { caller: { actor, address: arrival.source.host }, binding });
    }
    for (const { binding, reason } of removed) await this.#remove({ binding, reason }, arrival.source.host);
  }

  async #remove({ binding, reason }: Removal, address: string): Promise<void> {
    const actor = { kind: 'phone', username: binding.username } as const;
    const { username, contact } = binding;
    this.#dirty.delete(keyOf(binding));
    await this.#options.vault.ask('bindings.remove', { caller: { actor, address }, username, contact, reason });
  }

  #scheduleFlush(): void {
    this.#flushTimer ??= this.#options.clock.after(REFRESH_MS, () => {
      this.#flushTimer = undefined;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    if (this.#dirty.size === 0) return;
    const batch = this.#dirty;
    this.#dirty = new Map();
    try {
      await this.#options.vault.ask('bindings.refresh', { bindings: [...batch.values()] });
    } catch {
      for (const [key, binding] of batch) if (!this.#dirty.has(key)) this.#dirty.set(key, binding);
      this.#scheduleFlush();
    }
  }

  #scheduleSweep(): void {
    this.#sweepTimer = this.#options.clock.after(SWEEP_MS, () => {
      this.#scheduleSweep();
      void this.#sweep();
    });
  }

  async #sweep(): Promise<void> {
    const now = this.#options.clock.now();
    for (const [username, bindings] of this.#byUsername) {
      const expired = bindings.filter((binding) => binding.expiresAt <= now);
      if (expired.length === 0) continue;
      const live = bindings.filter((binding) => binding.expiresAt > now);
      if (live.length > 0) this.#byUsername.set(username, live);
      else this.#byUsername.delete(username);
      for (const binding of expired) this.#removals.push({ binding, reason: 'expired' });
    }
    this.#removals.splice(0, Math.max(0, this.#removals.length - MAX_REMOVALS_WAITING));
    if (!this.#isSweeping && this.#removals.length > 0) await this.#writeRemovals();
  }

  /** Expiries are audited; while the vault is away they wait. */
  async #writeRemovals(): Promise<void> {
    this.#isSweeping = true;
    try {
      for (let removal = this.#removals[0]; removal !== undefined; removal = this.#removals[0]) {
        const { username, contact } = removal.binding;
        const isBack = this.bindingsOf(username).some((binding) => binding.contact === contact);
        if (!isBack) await this.#remove(removal, '');
        this.#removals.shift();
      }
    } catch {
      // Tried again at the next sweep.
    } finally {
      this.#isSweeping = false;
    }
  }
}

function registrationOf(arrival: SipArrival, username: string): Registration | undefined {
  const contacts = parseContacts(arrival.header('Contact'));
  const cseq = Number.parseInt(arrival.header('CSeq') ?? '', 10);
  const callId = arrival.header('Call-ID');
  if (contacts === undefined || callId === undefined || Number.isNaN(cseq) || arrival.listener === undefined) {
    return undefined;
  }
  const expires = arrival.header('Expires');
  return {
    username,
    contacts,
    expiresSeconds: expires === undefined ? undefined : parseExpires(expires),
    callId,
    cseq,
    userAgent: (arrival.header('User-Agent') ?? '').slice(0, 200),
    source: { transport: arrival.listener.transport, ...arrival.source },
  };
}

function refuse(arrival: SipArrival, refusal: RegistrationRefusal): void {
  if (refusal === 'too-brief') arrival.reply(423, { headers: { 'Min-Expires': String(MIN_EXPIRES_SECONDS) } });
  else arrival.reply(refusal === 'malformed' ? 400 : 500);
}

function contactHeader(bindings: readonly ContactBinding[], now: number): Record<string, string> {
  if (bindings.length === 0) return {};
  const contacts = bindings.map(({ contact, expiresAt, q, instance }) => {
    const seconds = Math.max(0, Math.round((expiresAt - now) / 1000));
    const instanceParam = instance === '' ? '' : `;+sip.instance="${instance}"`;
    return `<${contact}>;expires=${seconds}${q === 1 ? '' : `;q=${q}`}${instanceParam}`;
  });
  return { Contact: contacts.join(', ') };
}

function keyOf(binding: ContactBinding): string {
  return `${binding.username} ${binding.contact}`;
}
