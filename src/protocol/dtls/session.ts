// A DTLS 1.2 session for SRTP keys (RFC 6347, RFC 5764): datagrams and time in, datagrams out by `send`, one outcome. No sockets, no
// timers, and nothing that comes from the wire makes it throw.
import type { SrtpSession } from '../rtp/srtp-suite.ts';
import { clientTable, sayClientHello } from './client.ts';
import type { HandshakeOptions, HandshakeTable, Outgoing } from './handshake.ts';
import { Alert, HandshakeCore } from './handshake.ts';
import { fragmentsOf, HandshakeInbox } from './inbox.ts';
import { HandshakeType } from './messages.ts';
import type { DtlsRecord, RecordCipher } from './record.ts';
import { ContentType, readRecords, writeRecord } from './record.ts';
import { serverTable } from './server.ts';

/** RFC 6347 §4.2.4.1 has a second to begin with, and doubles it to a minute; here a person waits, on a path that ICE has found good. */
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 1_600;
/** A handshake that takes longer is given up. */
const DEADLINE_MS = 30_000;
/** However often the peer repeats itself, we do so this often at most. */
const REPEAT_GAP_MS = 200;
const MAX_DATAGRAM_BYTES = 1_200;
const MAX_FRAGMENT_BYTES = 1_000;
const FATAL = 2;
const WARNING = 1;

export interface DtlsOptions extends HandshakeOptions {
  /** Sends one datagram to the peer. */
  readonly send: (datagram: Buffer) => void;
}

export type DtlsState = 'waiting' | 'connected' | 'failed' | 'closed';

export class DtlsSession {
  state: DtlsState = 'waiting';
  /** Why it failed: an alert's number, ours or theirs, or the deadline. */
  fault: number | 'timeout' | undefined;
  readonly #options: DtlsOptions;
  readonly #core: HandshakeCore;
  readonly #table: HandshakeTable;
  readonly #inbox = new HandshakeInbox();
  #ciphers: { local: RecordCipher; remote: RecordCipher } | undefined;
  /** Next record to send of each epoch. */
  readonly #sequence: [number, number] = [0, 0];
  #flight: readonly Outgoing[] = [];
  readonly #deadline: number;
  #sentAt = 0;
  #srtp: SrtpSession | undefined;
  #waitMs = FIRST_WAIT_MS;

  /** `now` in milliseconds of a clock that only goes on. A client speaks at its first `step`. */
  constructor(options: DtlsOptions, now: number) {
    this.#options = options;
    this.#core = new HandshakeCore(options);
    this.#table = options.role === 'client' ? clientTable : serverTable;
    this.#deadline = now + DEADLINE_MS;
  }

  /** Keys for SRTP, while connected. */
  get srtp(): SrtpSession | undefined {
    if (this.state !== 'connected') return undefined;
    this.#srtp ??= this.#core.srtpSession();
    return this.#srtp;
  }

  /** Time went on: the first flight, what is to be said again, or the end. */
  step(now: number): void {
    if (this.state !== 'waiting') return;
    if (now >= this.#deadline) this.#fail('timeout');
    else if (this.#flight.length === 0 && this.#options.role === 'client') this.#say(sayClientHello(this.#core), now);
    else if (this.#flight.length > 0 && now - this.#sentAt >= this.#waitMs) {
      this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
      this.#transmit(now);
    }
  }

  receive(datagram: Uint8Array, now: number): void {
    for (const record of readRecords(datagram)) {
      if (this.state === 'failed' || this.state === 'closed') return;
      if (record.epoch === 0) this.#takeClear(record);
      else if (record.epoch === 1) this.#takeSealed(record);
      this.#advance(now);
    }
    if (!this.#inbox.hasRepeat) return;
    this.#inbox.hasRepeat = false;
    // §4.2.4: the last flight is the server's; a client that answered it again would be answered again in turn.
    const isOver = this.state === 'connected' && this.#options.role === 'client';
    if (!isOver && now - this.#sentAt >= REPEAT_GAP_MS) this.#transmit(now);
  }

  /** Tells the peer that there will be no more. */
  close(): void {
    if (this.state === 'connected') this.#sendAlert(WARNING, Alert.closeNotify);
    if (this.state !== 'failed') this.state = 'closed';
  }

  /** Before the keys; afterwards nothing in the clear is believed, a new ClientHello included: there is no renegotiation. */
  #takeClear({ type, fragment }: DtlsRecord): void {
    if (this.state === 'connected') return;
    if (type === ContentType.handshake) this.#inbox.put(fragment, 0);
    else if (type === ContentType.alert && fragment.length === 2 && fragment[0] === FATAL) this.#heardAlert(fragment);
  }

  #takeSealed(record: DtlsRecord): void {
    const plain = this.#ciphers?.remote.open(record);
    if (plain === undefined) return;
    if (record.type === ContentType.handshake) this.#inbox.put(plain, 1);
    else if (record.type === ContentType.alert && plain.length === 2) this.#heardAlert(plain);
  }

  #heardAlert(alert: Buffer): void {
    if (alert[0] === FATAL) {
      this.state = 'failed';
      this.fault = alert[1];
    } else if (alert[1] === Alert.closeNotify) this.state = 'closed';
  }

  #advance(now: number): void {
    while (this.state === 'waiting') {
      const message = this.#inbox.take();
      if (message === undefined) return;
      const step = this.#table[this.#core.state]?.[message.type];
      const isSealed = message.type === HandshakeType.finished;
      if (step === undefined || (message.epoch === 1) !== isSealed) {
        this.#fail(Alert.unexpectedMessage);
        return;
      }
      const reply = step(this.#core, message);
      if (typeof reply === 'number') {
        this.#fail(reply);
        return;
      }
      this.#ciphers ??= this.#core.recordCiphers();
      if (reply.length > 0) this.#say(reply, now);
      if (this.#core.state === 'connected') this.state = 'connected';
    }
  }

  #say(flight: readonly Outgoing[], now: number): void {
    this.#flight = flight;
    this.#waitMs = FIRST_WAIT_MS;
    this.#transmit(now);
  }

  /** The whole flight, in as few datagrams as it fits (RFC 6347 §4.2.3, §4.2.4). */
  #transmit(now: number): void {
    this.#sentAt = now;
    let datagram: Buffer[] = [];
    let bytes = 0;
    for (const record of this.#flight.flatMap((each) => this.#records(each))) {
      if (bytes + record.length > MAX_DATAGRAM_BYTES) {
        this.#options.send(Buffer.concat(datagram));
        [datagram, bytes] = [[], 0];
      }
      datagram.push(record);
      bytes += record.length;
    }
    if (datagram.length > 0) this.#options.send(Buffer.concat(datagram));
  }

  #records(each: Outgoing): Buffer[] {
    if (each === 'change-cipher-spec') return [this.#record(ContentType.changeCipherSpec, 0, Buffer.of(1))];
    const pieces = fragmentsOf(each.whole, MAX_FRAGMENT_BYTES);
    return pieces.map((fragment) => this.#record(ContentType.handshake, each.epoch, fragment));
  }

  #record(type: number, epoch: 0 | 1, fragment: Buffer): Buffer {
    const record = { type, epoch, sequence: this.#sequence[epoch]++, fragment };
    const sealing = epoch === 1 ? this.#ciphers?.local : undefined;
    return writeRecord(sealing === undefined ? record : sealing.seal(record));
  }

  #fail(fault: number | 'timeout'): void {
    if (fault !== 'timeout') this.#sendAlert(FATAL, fault);
    this.state = 'failed';
    this.fault = fault;
  }

  #sendAlert(level: number, description: number): void {
    const epoch = this.state === 'connected' ? 1 : 0;
    this.#options.send(this.#record(ContentType.alert, epoch, Buffer.of(level, description)));
  }
}
