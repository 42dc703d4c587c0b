// Phones on TLS in a process of their own: each has its connection, registers with digest, and comes back when the connection is gone (RFC 5626 §4.5).
// Run by sip-edge.ts with its options as JSON; tells of the phones' state over the process's channel.
import { connect, type TLSSocket } from 'node:tls';
import type { SipResponse } from '../../src/protocol/sip/message.ts';
import { SipStreamReader } from '../../src/protocol/sip/parse.ts';
import { percentile } from './figures.ts';
import { authorization, phoneName } from './sip-digest.ts';
import { Lateness } from './sip-figures.ts';

export interface PhonesOptions {
  readonly port: number;
  readonly phones: number;
  /** Loopback addresses that they come from: 127.0.1.1 and up, or 127.0.0.1 alone for none. */
  readonly sources: number;
  /** `again`: each registers anew for as long as it is told to, one after the other. `stay`: registers and stays. */
  readonly mode: 'again' | 'stay';
}

export interface PhonesReport {
  readonly registered: number;
  readonly registrations: number;
  /** From the cut (or the start) to each phone's 200. */
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly lastMs: number;
  /** Connections that were closed or refused before their 200, and answers that were no 200 and no challenge. */
  readonly attemptsLost: number;
  readonly refusals: number;
  readonly latenessMs: number;
}

/** A phone that finds nothing there waits so long, doubling up to the last. */
const RETRY_MS = [250, 500, 1_000, 2_000, 4_000];
const ATTEMPT_MS = 8_000;
const TICK_MS = 10;

const options: PhonesOptions = JSON.parse(process.argv[2] ?? '{}');
let from = performance.now();
let registrations = 0;
let [attemptsLost, refusals] = [0, 0];
const backMs: number[] = [];
const lateness = new Lateness();

class Phone {
  isRegistered = false;
  #isCut = false;
  readonly #index: number;
  readonly #callId: string;
  #socket: TLSSocket | undefined;
  #cseq = 0;
  #failures = 0;
  #deadline: NodeJS.Timeout | undefined;

  constructor(index: number) {
    this.#index = index;
    this.#callId = `${phoneName(index)}@${process.pid}`;
  }

  /** Opens its connection and registers by it. */
  switchOn(): void {
    const { port, sources } = options;
    const localAddress = sources === 0 ? '127.0.0.1' : `127.0.1.${1 + (this.#index % sources)}`;
    // The certificate is not what is measured.
    const place = { host: '127.0.0.1', port, localAddress };
    const socket = connect({ ...place, rejectUnauthorized: false });
    const reader = new SipStreamReader();
    this.#socket = socket;
    this.#deadline = setTimeout(() => socket.destroy(), ATTEMPT_MS);
    socket.on('secureConnect', () => this.#register(undefined));
    socket.on('data', (chunk: Buffer) => {
      for (const item of reader.push(chunk)) {
        if (item.item === 'message' && item.message.kind === 'response') this.#answered(item.message);
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#lost());
  }

  switchOff(): void {
    this.isRegistered = false;
    this.#isCut = true;
    this.#failures = 0;
    this.#socket?.destroy();
  }

  #register(challenge: string | undefined): void {
    this.#cseq += 1;
    const name = phoneName(this.#index);
    const answer =
      challenge === undefined ? undefined : authorization(name, 'REGISTER', 'sip:clinic.example', challenge);
    const { localAddress, localPort } = this.#socket ?? {};
    const lines = [
      'REGISTER sip:clinic.example SIP/2.0',
      `Via: SIP/2.0/TLS ${localAddress}:${localPort};branch=z9hG4bK${process.pid}.${this.#index}.${localPort}.${this.#cseq}`,
      'Max-Forwards: 70',
      `From: <sip:${name}@clinic.example>;tag=${this.#index}`,
      `To: <sip:${name}@clinic.example>`,
      `Call-ID: ${this.#callId}`,
      `CSeq: ${this.#cseq} REGISTER`,
      `Contact: <sip:${name}@${localAddress}:${localPort};transport=tls>`,
      'Supported: path, outbound',
      ...(answer === undefined ? [] : [`Authorization: ${answer}`]),
      'Expires: 3600',
      'Content-Length: 0',
    ];
    this.#socket?.write(`${lines.join('\r\n')}\r\n\r\n`);
  }

  #answered({ status, headers }: SipResponse): void {
    if (status < 200) return;
    if (status === 401) this.#register(headers.get('www-authenticate') ?? '');
    else if (status < 300) this.#registered();
    else {
      refusals += 1;
      this.#socket?.destroy();
    }
  }

  #registered(): void {
    clearTimeout(this.#deadline);
    registrations += 1;
    this.#failures = 0;
    if (!this.isRegistered) backMs.push(performance.now() - from);
    this.isRegistered = true;
    if (options.mode === 'again') this.#register(undefined);
  }

  #lost(): void {
    clearTimeout(this.#deadline);
    if (!this.isRegistered && !this.#isCut) attemptsLost += 1;
    this.isRegistered = false;
    this.#isCut = false;
    const waitMs = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 0;
    this.#failures += 1;
    setTimeout(() => this.switchOn(), waitMs * (0.5 + Math.random()));
  }
}

const phones = Array.from({ length: options.phones }, (_, index) => new Phone(index));
for (const phone of phones) phone.switchOn();
setInterval(() => lateness.sample(TICK_MS, performance.now()), TICK_MS);

process.on('message', (message) => {
  if (message === 'cut') {
    from = performance.now();
    backMs.length = 0;
    attemptsLost = 0;
    refusals = 0;
    for (const phone of phones) phone.switchOff();
  }
  process.send?.(report());
});
process.on('disconnect', () => process.exit(0));
process.send?.('running');

function report(): PhonesReport {
  return {
    registered: phones.filter(({ isRegistered }) => isRegistered).length,
    registrations,
    medianMs: percentile(backMs, 0.5),
    p99Ms: percentile(backMs, 0.99),
    lastMs: percentile(backMs, 1),
    attemptsLost,
    refusals,
    latenessMs: lateness.p99(),
  };
}
