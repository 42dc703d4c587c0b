// Message waiting: the lamp on a desk phone, by subscription and, for phones that do not subscribe, unasked (RFC 3842).
import type { Clock } from '../../kernel/clock.ts';
import { codeOf } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { ContactBinding } from '../../model/binding.ts';
import type { Clinic } from '../../model/clinic.ts';
import type { Vault } from '../../vault/contract.ts';
import { contactTarget } from '../leg/contact-target.ts';
import type { SipArrival } from '../leg/sip-arrival.ts';
import type { SipLink } from '../leg/sip-link.ts';
import type { Subscription } from '../leg/subscription.ts';
import { acceptSubscription } from '../leg/subscription.ts';

export interface MessageWaitingOptions {
  readonly sip: SipLink;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly clinic: () => Clinic;
  readonly bindingsOf: (username: string) => readonly ContactBinding[];
}

const EVENT = 'message-summary';
const CONTENT_TYPE = 'application/simple-message-summary';
const MIN_SECONDS = 60;
const MAX_SECONDS = 3_600;
const MAX_SUBSCRIPTIONS_PER_PHONE = 8;

export class MessageWaiting {
  readonly #options: MessageWaitingOptions;
  readonly #subscriptions = new Map<string, Set<Subscription>>();
  #isClosed = false;

  constructor(options: MessageWaitingOptions) {
    this.#options = options;
  }

  /** A SUBSCRIBE of `username`, which is authenticated. */
  async subscribe(arrival: SipArrival, username: string): Promise<void> {
    if (arrival.header('Event')?.split(';')[0]?.trim().toLowerCase() !== EVENT) {
      return arrival.reply(489, { headers: { 'Allow-Events': EVENT } });
    }
    const mine = this.#subscriptions.get(username) ?? new Set<Subscription>();
    if (mine.size >= MAX_SUBSCRIPTIONS_PER_PHONE) return arrival.reply(503);
    const subscription = await acceptSubscription(arrival, this.#options.sip, {
      event: EVENT,
      contentType: CONTENT_TYPE,
      minSeconds: MIN_SECONDS,
      maxSeconds: MAX_SECONDS,
      clock: this.#options.clock,
      onRefreshed: (refreshed) => void this.#tellOne(username, refreshed),
    });
    if (subscription === undefined) return;
    if (this.#isClosed) return subscription.drop();
    mine.add(subscription);
    this.#subscriptions.set(username, mine);
    subscription.ending.onEnd(() => {
      mine.delete(subscription);
      if (mine.size === 0) this.#subscriptions.delete(username);
    });
    await this.#tellOne(username, subscription);
  }

  /** A mailbox's counts changed: every phone of that extension is told. */
  async mailboxChanged(mailbox: string): Promise<void> {
    const phones = this.#options.clinic().phones.filter(({ extension }) => extension === mailbox);
    await Promise.all(phones.map(({ username }) => this.#tell(username)));
  }

  /** A phone registered: it learns where it stands, unless a subscription tells it. */
  async phoneRegistered(username: string, binding: ContactBinding): Promise<void> {
    if (this.#subscriptions.has(username)) return;
    const body = await this.#summary(username);
    if (body !== undefined) await this.#tellUnasked(binding, body);
  }

  close(): void {
    this.#isClosed = true;
    for (const mine of [...this.#subscriptions.values()]) for (const subscription of [...mine]) subscription.drop();
  }

  async #tell(username: string): Promise<void> {
    const body = await this.#summary(username);
    if (body === undefined) return;
    const mine = this.#subscriptions.get(username);
    if (mine !== undefined) await Promise.all([...mine].map((subscription) => subscription.notify(body)));
    else await Promise.all(this.#options.bindingsOf(username).map((binding) => this.#tellUnasked(binding, body)));
  }

  async #tellOne(username: string, subscription: Subscription): Promise<void> {
    await subscription.notify((await this.#summary(username)) ?? summaryBody(0, 0));
  }

  async #tellUnasked(binding: ContactBinding, body: string): Promise<void> {
    const { uri, nextHop } = contactTarget(binding);
    const headers = {
      From: `<sip:${encodeURIComponent(binding.username)}@localhost>`,
      Event: EVENT,
      'Subscription-State': 'terminated;reason=noresource',
      'Content-Type': CONTENT_TYPE,
    };
    await this.#options.sip.send({ method: 'NOTIFY', uri, nextHop, headers, body });
  }

  /** Undefined when the phone has no mailbox or the vault cannot say. */
  async #summary(username: string): Promise<string | undefined> {
    const { vault, logger } = this.#options;
    const { phones, mailboxes } = this.#options.clinic();
    const extension = phones.find((phone) => phone.username === username)?.extension;
    if (extension === undefined || !mailboxes.some(({ number }) => number === extension)) return undefined;
    try {
      const { unread, read } = await vault.ask('mailbox.counts', { mailbox: extension });
      return summaryBody(unread, read);
    } catch (error) {
      logger.debug({ code: codeOf(error) }, 'message waiting is not known');
      return undefined;
    }
  }
}

function summaryBody(unread: number, read: number): string {
  return `Messages-Waiting: ${unread > 0 ? 'yes' : 'no'}\r\nVoice-Message: ${unread}/${read} (0/0)\r\n`;
}
