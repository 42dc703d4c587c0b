// Throw-away certificates for tests: a CA of its own and a server certificate for the names and addresses asked for.
import './reflect-metadata.ts';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface TestCertificate {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  /** The PEM certificate of the CA that signed it. */
  readonly ca: string;
}

/** A server certificate valid for an hour for `names` (host names or IP addresses), and the CA that signed it. */
export async function makeTestCertificate(
  names: readonly string[] = ['localhost', '127.0.0.1'],
): Promise<TestCertificate> {
  const [caKeys, keys] = await Promise.all([newKeys(), newKeys()]);
  const notBefore = new Date(Date.now() - 60_000);
  const notAfter = new Date(Date.now() + 3_600_000);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    // A name of its own, so that several may be trusted side by side.
    name: `CN=Wardline test CA ${newSerial()}`,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    keys: caKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: `CN=${names[0] ?? 'test'}`,
    issuer: ca.subject,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const),
      ),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: `${leaf.toString('pem')}
`,
    key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    ca: `${ca.toString('pem')}
`,
  };
}

function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function newSerial(): string {
  return `01${Buffer.from(crypto.getRandomValues(new Uint8Array(7))).toString('hex')}`;
}
