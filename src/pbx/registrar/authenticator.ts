// Who a phone is: challenges it and checks its answer, the same way for a user that exists and one that does not (RFC 3261 §22, RFC 8760).
import type { Clock } from '../../kernel/clock.ts';
import type { SipCredential } from '../../vault/shapes.ts';
import type { SipArrival } from '../leg/sip-arrival.ts';
import { ChallengeAlgorithms } from './challenge-algorithms.ts';
import type { DigestAlgorithm, DigestResponse } from './digest.ts';
import { hash, isRightResponse, isSameResource, parseAuthorization } from './digest.ts';
import { Nonces } from './nonces.ts';

export interface Credentials {
  readonly realm: string;
  readonly byUsername: ReadonlyMap<string, SipCredential>;
}

export type Verdict =
  | { readonly is: 'authentic'; readonly username: string }
  | { readonly is: 'challenged'; readonly isStale: boolean }
  | { readonly is: 'refused' }
  /** The answer was made for another request. */
  | { readonly is: 'misplaced' };

export interface AuthenticatorOptions {
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
  /** The current credentials; asked at each request, so that a change counts at once. */
  readonly credentials: () => Credentials;
  /** Called for each wrong answer; the listener limits what it writes. */
  readonly onRefused: (source: string) => void;
}

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #nonces: Nonces;
  readonly #algorithms: ChallengeAlgorithms;
  /** Compared against when there is no such user, so that both refusals take the same work. */
  readonly #nobody: SipCredential;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#nonces = new Nonces(options);
    this.#algorithms = new ChallengeAlgorithms(options.clock);
    const noise = Buffer.from(options.random(32)).toString('hex');
    this.#nobody = { username: '', ha1Sha256: hash('SHA-256', noise), ha1Md5: hash('MD5', noise) };
  }

  /** The phone that sent `arrival`, or undefined after it was challenged (401) or refused (403). */
  authenticate(arrival: SipArrival): string | undefined {
    const authorization = arrival.header('Authorization');
    const verdict = this.judge({ method: arrival.method, uri: arrival.uri }, authorization);
    if (authorization !== undefined) this.#algorithms.answered(arrival);
    if (verdict.is === 'authentic') return verdict.username;
    if (verdict.is === 'challenged') {
      const challenges = this.challenges(verdict.isStale, this.#algorithms.offerTo(arrival));
      arrival.reply(401, { headers: { 'WWW-Authenticate': challenges } });
      return undefined;
    }
    this.#options.onRefused(arrival.source.host);
    arrival.reply(verdict.is === 'misplaced' ? 400 : 403);
    return undefined;
  }

  judge(request: { readonly method: string; readonly uri: string }, authorization: string | undefined): Verdict {
    const { realm, byUsername } = this.#options.credentials();
    const digest = parseAuthorization(authorization, realm);
    if (digest === undefined) return { is: 'challenged', isStale: false };
    // RFC 7616 §3.4.6: an answer is good for the resource that it names alone.
    if (!isSameResource(digest.uri, request.uri)) return { is: 'misplaced' };
    const credential = byUsername.get(digest.username);
    const isRight = isRightResponse(digest, ha1Of(credential ?? this.#nobody, digest), request.method);
    const nonce = this.#nonces.check(digest.nonce);
    if (nonce === 'forged') return { is: 'challenged', isStale: false };
    if (!isRight || credential === undefined) return { is: 'refused' };
    // RFC 7616 §3.3: stale says that the password was right and only the nonce is to be replaced.
    if (nonce === 'stale' || !this.#nonces.use(digest.nonce, digest.nc)) return { is: 'challenged', isStale: true };
    return { is: 'authentic', username: digest.username };
  }

  /** One challenge for each algorithm, the one we prefer first (RFC 8760 §2.4). */
  challenges(isStale: boolean, algorithms: readonly DigestAlgorithm[]): string[] {
    const { realm } = this.#options.credentials();
    const nonce = this.#nonces.issue();
    return algorithms.map((algorithm) => {
      const stale = isStale ? ', stale=true' : '';
      return `Digest realm="${realm}", nonce="${nonce}", algorithm=${algorithm}, qop="auth"${stale}`;
    });
  }
}

function ha1Of(credential: SipCredential, { algorithm }: DigestResponse): string {
  return algorithm === 'SHA-256' ? credential.ha1Sha256 : credential.ha1Md5;
}
