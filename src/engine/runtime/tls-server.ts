// What our TLS servers offer (RFC 8446, RFC 5246 with BCP 195), how their certificate is checked before use, and who a peer proved to be.
import type { PeerCertificate, TLSSocket, TlsOptions } from 'node:tls';
import { WardlineError } from '../../kernel/errors.ts';
import { TLS_CIPHERS } from '../../kernel/tls-ciphers.ts';
import type { ListenerTls } from './sip-stack.ts';

/** Attributes of a subject that are told, and characters of all of them. */
const MAX_SUBJECT_CHARS = 256;
const MAX_NAMES = 16;

/** For `createServer` and for `setSecureContext`. */
export function tlsServerOptions({ certificate, key, clients }: ListenerTls): TlsOptions {
  return {
    cert: certificate,
    key,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: TLS_CIPHERS.join(':'),
    honorCipherOrder: true,
    ...(clients !== undefined && {
      ca: clients.ca,
      requestCert: true,
      rejectUnauthorized: clients.mode === 'require',
    }),
  };
}

/** Runs `use`, which takes the PEM texts in. @throws WardlineError `bad-certificate` when they cannot be used */
export function withReadablePem<Result>(what: string, use: () => Result): Result {
  try {
    return use();
  } catch (cause) {
    const sentence = `The certificate or key of ${what} cannot be used: both must be PEM and belong together.`;
    throw new WardlineError('bad-certificate', sentence, { cause });
  }
}

export interface ProvenPeer {
  /** As in RFC 4514: `CN=desk-1,O=Clinic`; no line ends, 256 characters at most. */
  readonly subject: string;
  /** The DNS names and IP addresses that the certificate stands for, in lower case (RFC 5922 §7.1). */
  readonly names: readonly string[];
}

/** Who showed a certificate that was verified against the CAs; undefined for everybody else. */
export function provenPeer(socket: TLSSocket): ProvenPeer | undefined {
  if (!socket.authorized) return undefined;
  const peer = socket.getPeerCertificate();
  return peer?.subject === undefined ? undefined : { subject: subjectOf(peer), names: namesOf(peer) };
}

function subjectOf({ subject }: PeerCertificate): string {
  const parts = Object.entries(subject).flatMap(([name, value]) => {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    return values.filter((each) => typeof each === 'string').map((each) => `${name}=${escaped(each)}`);
  });
  return parts.join(',').slice(0, MAX_SUBJECT_CHARS);
}

/** RFC 4514 §2.4, and nothing that could end a header line. */
function escaped(value: string): string {
  return value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ').replace(/[,+"\\<>;=]/g, '\\$&');
}

function namesOf({ subjectaltname = '' }: PeerCertificate): string[] {
  const names = subjectaltname
    .split(', ')
    .flatMap((each) => /^(?:DNS|IP Address):([A-Za-z0-9.:-]+)$/.exec(each)?.[1] ?? []);
  return names.slice(0, MAX_NAMES).map((name) => name.toLowerCase());
}
