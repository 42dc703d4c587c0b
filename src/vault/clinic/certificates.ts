// The private CA and its leaves for SIP and the console: P-256, kept sealed under the service half; leaves are renewed at start.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { UtcMs } from '../../kernel/clock.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 24 * 3_600_000;
const CA_DAYS = 3_650;
/** What browsers accept at most is 398 days. */
const LEAF_DAYS = 397;
const RENEW_DAYS = 60;

/** PEM. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface LeafNames {
  readonly hostName: string;
  readonly addresses: readonly string[];
}

export async function createCa(now: UtcMs): Promise<KeyedCertificate> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=Wardline private CA',
      ...validity(now, CA_DAYS),
      serialNumber: serialNumber(),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto as Crypto),
      ],
    },
    webcrypto as Crypto,
  );
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

export async function createLeaf(ca: KeyedCertificate, names: LeafNames, now: UtcMs): Promise<KeyedCertificate> {
  const keys = await generateKeys();
  const issuer = new x509.X509Certificate(ca.certificate);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: new x509.Name([{ CN: [names.hostName] }]),
      issuer: issuer.subject,
      ...validity(now, LEAF_DAYS),
      serialNumber: serialNumber(),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: await importKey(ca.key),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension(alternativeNames(names)),
        await x509.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto as Crypto),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto as Crypto),
      ],
    },
    webcrypto as Crypto,
  );
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

export function mustRenew(leaf: KeyedCertificate, now: UtcMs): boolean {
  return new x509.X509Certificate(leaf.certificate).notAfter.getTime() - now < RENEW_DAYS * DAY_MS;
}

function alternativeNames({ hostName, addresses }: LeafNames): x509.JsonGeneralNames {
  const isAddress = (name: string) => /^[0-9.]+$/.test(name) || name.includes(':');
  const names = new Set([hostName, 'localhost', '127.0.0.1', '::1', ...addresses]);
  return [...names].map((value) => ({ type: isAddress(value) ? 'ip' : 'dns', value }));
}

/** A day back, for phones whose clock is slow. */
function validity(now: UtcMs, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - DAY_MS), notAfter: new Date(now + days * DAY_MS) };
}

/** RFC 5280 §4.1.2.2: positive, at most 20 octets. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

function generateKeys(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<CryptoKeyPair>;
}

async function exportKey(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

async function importKey(pem: string): Promise<CryptoKey> {
  const pkcs8 = x509.PemConverter.decodeFirst(pem);
  return (await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, true, ['sign'])) as CryptoKey;
}
