// The second factor: time-based codes (RFC 6238) with SHA-1, six digits and 30 seconds, which every authenticator app knows.
import { Secret, TOTP } from 'otpauth';

const PERIOD_SECONDS = 30;
/** Steps before and after the present one that are taken too: clocks differ, people type slowly (RFC 6238 §5.2). */
const WINDOW_STEPS = 1;
const MAX_AHEAD_STEPS = 20;
/** As long as SHA-1's output (RFC 4226 §4, R6). */
const SECRET_BYTES = 20;

/** A new secret, base32. */
export function newTotpSecret(random: (bytes: number) => Uint8Array): string {
  return new Secret({ buffer: new Uint8Array(random(SECRET_BYTES)).buffer }).base32;
}

/** What a QR code tells an authenticator app. */
export function totpUri(secret: string, label: string, issuer: string): string {
  return totp(secret, label, issuer).toString();
}

/** The time step that `code` is of, or undefined when it is none of the present ones or not newer than `lastStep`. */
export function acceptedStep(secret: string, code: string, nowMs: number, lastStep: number): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const delta = totp(secret).validate({ token: code, timestamp: nowMs, window: WINDOW_STEPS });
  if (delta === null) return undefined;
  const step = Math.floor(nowMs / 1000 / PERIOD_SECONDS) + delta;
  // A last step that lies far ahead was taken by a clock that was ahead: no code of today was used then.
  return step > lastStep || lastStep > step + MAX_AHEAD_STEPS ? step : undefined;
}

function totp(secret: string, label = '', issuer = ''): TOTP {
  return new TOTP({
    issuer,
    label,
    algorithm: 'SHA1',
    digits: 6,
    period: PERIOD_SECONDS,
    secret: Secret.fromBase32(secret),
  });
}
