// What both roles of a DTLS 1.2 handshake do alike: the transcript, the key exchange, and proof that the peer holds the certificate
// whose fingerprint its SDP named (RFC 5246 §7.4.8, RFC 8122 §5). Without that proof a fingerprint says nothing.
import type { KeyObject } from 'node:crypto';
import {
  constants,
  createECDH,
  createHash,
  createPrivateKey,
  sign,
  timingSafeEqual,
  verify,
  X509Certificate,
} from 'node:crypto';
import type { SrtpSession, SrtpSuite } from '../rtp/srtp-suite.ts';
import { SUITES } from '../rtp/srtp-suite.ts';
import type { HandshakeMessage } from './inbox.ts';
import { wholeMessage } from './inbox.ts';
import { KeySchedule } from './key-schedule.ts';
import type { Signed } from './messages.ts';
import { HandshakeType, RANDOM_BYTES } from './messages.ts';
import { RecordCipher } from './record.ts';
import type { TlsSuite } from './suites.ts';
import { OWN_SCHEME, SIGNATURE_SCHEMES } from './suites.ts';

export type DtlsRole = 'client' | 'server';

/** A certificate of our own; ECDSA on P-256. */
export interface DtlsIdentity {
  /** X.509, DER. */
  readonly certificate: Uint8Array;
  /** PKCS #8, DER. */
  readonly privateKey: Uint8Array;
}

export interface HandshakeOptions {
  readonly role: DtlsRole;
  readonly identity: DtlsIdentity;
  /** SHA-256 of the certificate that the peer has to show, 32 bytes. */
  readonly fingerprint: Uint8Array;
  /** SRTP suites that may be agreed on, best first. */
  readonly suites: readonly SrtpSuite[];
  /** `count` random bytes. */
  readonly random: (count: number) => Uint8Array;
}

/** RFC 5246 §7.2. */
export const Alert = {
  closeNotify: 0,
  unexpectedMessage: 10,
  handshakeFailure: 40,
  badCertificate: 42,
  illegalParameter: 47,
  decodeError: 50,
  decryptError: 51,
} as const;

/** A handshake message of ours, or the word that what follows is encrypted. */
export type Outgoing = { readonly epoch: 0 | 1; readonly whole: Buffer } | 'change-cipher-spec';

/** What is said in reply, or the alert that ends it all. */
export type Reply = readonly Outgoing[] | number;

/** By state, what each message leads to; what the table lacks is unexpected. */
export type HandshakeTable = Readonly<
  Record<string, Readonly<Record<number, (core: HandshakeCore, message: HandshakeMessage) => Reply>>>
>;

const SIGNATURE_HASHES = new Map(SIGNATURE_SCHEMES.map((scheme) => [scheme.id, scheme]));

export class HandshakeCore {
  readonly options: HandshakeOptions;
  /** Of the role's table. */
  state = 'hello';
  suite: TlsSuite | undefined;
  srtpSuite: SrtpSuite | undefined;
  clientRandom = Buffer.alloc(RANDOM_BYTES);
  serverRandom = Buffer.alloc(RANDOM_BYTES);
  /** Of their certificate; set when that is the one of the fingerprint. */
  peerKey: KeyObject | undefined;
  /** The server's key-exchange point, for the client, and whether it asked for our certificate. */
  serverPoint: Buffer | undefined;
  isAsked = false;
  schedule: KeySchedule | undefined;
  readonly #exchange = createECDH('prime256v1');
  readonly #transcript: Buffer[] = [];
  #number = 0;

  constructor(options: HandshakeOptions) {
    this.options = options;
    this.#exchange.generateKeys();
  }

  get point(): Buffer {
    return this.#exchange.getPublicKey();
  }

  get transcript(): Buffer {
    return Buffer.concat(this.#transcript);
  }

  note({ whole }: HandshakeMessage): void {
    this.#transcript.push(whole);
  }

  /** RFC 6347 §4.2.1: the first ClientHello and the request for its cookie do not count. */
  forget(): void {
    this.#transcript.length = 0;
  }

  say(type: number, body: Buffer): Outgoing {
    const whole = wholeMessage(type, this.#number++, body);
    this.#transcript.push(whole);
    return { epoch: type === HandshakeType.finished ? 1 : 0, whole };
  }

  /** RFC 8122 §5: false when it is not the certificate that was announced, or none that can be read. */
  takesCertificate(der: Buffer): boolean {
    const { fingerprint } = this.options;
    const shown = createHash('sha256').update(der).digest();
    if (fingerprint.length !== shown.length || !timingSafeEqual(shown, fingerprint)) return false;
    try {
      // The getter throws too: a certificate may be read whose key is none.
      this.peerKey = new X509Certificate(der).publicKey;
      return true;
    } catch {
      return false;
    }
  }

  sign(data: Buffer): Signed {
    const { privateKey } = this.options.identity;
    const key = createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' });
    return { scheme: OWN_SCHEME, signature: sign('sha256', data, key) };
  }

  /** Whether the holder of the peer's certificate signed `data`. */
  isSigned(data: Buffer, { scheme: id, signature }: Signed): boolean {
    const scheme = SIGNATURE_HASHES.get(id);
    const key = this.peerKey;
    if (scheme === undefined || key?.asymmetricKeyType !== scheme.keyType) return false;
    const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
    try {
      return verify(scheme.hash, data, scheme.isPss ? { key, padding, saltLength } : key, signature);
    } catch {
      return false;
    }
  }

  /** The secrets, once the transcript reaches ClientKeyExchange. False: the point is none of the curve. */
  derive(point: Buffer): boolean {
    if (this.suite === undefined) return false;
    try {
      const shared = this.#exchange.computeSecret(point);
      const { hash } = this.suite;
      this.schedule = new KeySchedule(hash, shared, this.transcript, this.clientRandom, this.serverRandom);
      shared.fill(0);
      return true;
    } catch {
      return false;
    }
  }

  sayFinished(): Outgoing[] {
    const data = this.schedule?.finished(this.options.role, this.transcript) ?? Buffer.alloc(0);
    return ['change-cipher-spec', this.say(HandshakeType.finished, data)];
  }

  /** Whether both sides saw the same handshake. */
  isFinished({ body }: HandshakeMessage): boolean {
    const theirs = this.options.role === 'client' ? 'server' : 'client';
    const expected = this.schedule?.finished(theirs, this.transcript);
    return expected !== undefined && body.length === expected.length && timingSafeEqual(body, expected);
  }

  recordCiphers(): { local: RecordCipher; remote: RecordCipher } | undefined {
    const keys = this.suite && this.schedule?.recordKeys(this.suite.keyBytes);
    if (keys === undefined) return undefined;
    const client = new RecordCipher(keys.clientKey, keys.clientSalt);
    const server = new RecordCipher(keys.serverKey, keys.serverSalt);
    return this.options.role === 'client' ? { local: client, remote: server } : { local: server, remote: client };
  }

  /** RFC 5764 §4.2: the client writes with the first pair. */
  srtpSession(): SrtpSession | undefined {
    if (this.srtpSuite === undefined || this.schedule === undefined) return undefined;
    const { keyBytes, saltBytes } = SUITES[this.srtpSuite];
    const keys = this.schedule.srtpKeys(keyBytes, saltBytes);
    const client = { master: new Uint8Array(Buffer.concat([keys.clientKey, keys.clientSalt])), mkiBytes: 0 };
    const server = { master: new Uint8Array(Buffer.concat([keys.serverKey, keys.serverSalt])), mkiBytes: 0 };
    const [local, remote] = this.options.role === 'client' ? [client, server] : [server, client];
    return { suite: this.srtpSuite, local, remote };
  }
}
