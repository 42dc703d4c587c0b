// Who a benchmark's phones are, and how they answer a challenge (RFC 7616 §3.4, qop=auth).
import { expectedResponse, hash } from '../../src/pbx/registrar/digest.ts';

export const REALM = 'clinic.example';
export const PASSWORD = 'a made-up password';

export function phoneName(index: number): string {
  return `phone-${index}`;
}

/** The Authorization header for a challenge; undefined when the challenge offers no SHA-256. */
export function authorization(username: string, method: string, uri: string, challenge: string): string | undefined {
  const nonce = /nonce="([^"]+)"/.exec(challenge)?.[1];
  if (nonce === undefined || !challenge.includes('SHA-256')) return undefined;
  const digest = { username, realm: REALM, nonce, uri, algorithm: 'SHA-256', cnonce: 'bench', nc: '00000001' } as const;
  const response = expectedResponse(digest, hash('SHA-256', `${username}:${REALM}:${PASSWORD}`), method);
  return `Digest username="${username}", realm="${REALM}", nonce="${nonce}", uri="${uri}", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="bench", response="${response}"`;
}
