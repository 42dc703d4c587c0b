// The `a=crypto` line (RFC 4568 §9): one key a line, inline; anything that asks for more is no line we can use.

import type { SrtpKey, SrtpSession, SrtpSuite } from '../rtp/srtp-suite.ts';
import { findSuite, masterBytes } from '../rtp/srtp-suite.ts';

export interface CryptoLine {
  readonly tag: string;
  readonly suite: SrtpSuite;
  /** The suite's name as it was spelt; the answer repeats it. */
  readonly spelling: string;
  readonly key: SrtpKey;
}

const MAX_MKI_BYTES = 128;
/** Session parameters that we need not act on: they narrow what the peer itself does, or may be left out (RFC 4568 §6.3.7: a minus before them). */
const HARMLESS_PARAMETERS = /^(?:WSH=\d+|-.+)$/;

/** The line, or undefined when it is malformed, of an unknown suite, or asks for what we do not do. Never throws. */
export function parseCrypto(value: string): CryptoLine | undefined {
  const [tag, spelling, keyText, ...parameters] = value.trim().split(/\s+/);
  if (tag === undefined || spelling === undefined || keyText === undefined || !/^\d{1,9}$/.test(tag)) return undefined;
  const suite = findSuite(spelling);
  const key = suite === undefined ? undefined : parseKey(keyText, masterBytes(suite));
  if (suite === undefined || key === undefined) return undefined;
  // RFC 4568 §6.3: an unknown or unwanted session parameter (UNENCRYPTED_SRTP, KDR, FEC_ORDER…) makes the line unusable.
  if (!parameters.every((parameter) => HARMLESS_PARAMETERS.test(parameter))) return undefined;
  return { tag, suite, spelling, key };
}

/** `inline:<base64>[|lifetime][|MKI:length]`. */
function parseKey(text: string, bytes: number): SrtpKey | undefined {
  const parts = /^inline:([A-Za-z0-9+/]+={0,2})((?:\|[0-9^:]+){0,2})$/i.exec(text);
  if (parts === null) return undefined;
  const master = Buffer.from(parts[1] ?? '', 'base64');
  const mki = /\|(\d+):(\d+)$/.exec(parts[2] ?? '')?.[2];
  const mkiBytes = mki === undefined ? 0 : Number(mki);
  if (master.length !== bytes || mkiBytes > MAX_MKI_BYTES) return undefined;
  return { master: new Uint8Array(master), mkiBytes };
}

export function formatCrypto(line: Pick<CryptoLine, 'tag' | 'spelling' | 'key'>): string {
  return `${line.tag} ${line.spelling} inline:${Buffer.from(line.key.master).toString('base64')}`;
}

export function isSameKey(a: SrtpKey, b: SrtpKey): boolean {
  return a.mkiBytes === b.mkiBytes && Buffer.compare(a.master, b.master) === 0;
}

/** Whether nothing about the keys of either side has changed. */
export function sameSrtpKeys(a: SrtpSession | undefined, b: SrtpSession | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.suite === b.suite && isSameKey(a.local, b.local) && isSameKey(a.remote, b.remote);
}
