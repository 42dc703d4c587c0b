// A person's browser, as far as HTTP goes: keeps the session cookie, sends the console's own origin, trusts the appliance's CA.
import type { PeerCertificate } from 'node:tls';
import { checkServerIdentity } from 'node:tls';
import { TOTP } from 'otpauth';
import { Agent, request } from 'undici';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever JSON came
  readonly json: any;
}

export interface VisitOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export const PASSWORD = 'plum-tractor-violet-92';

export class Visitor implements AsyncDisposable {
  readonly #url: string;
  readonly #agent: Agent;
  cookie = '';
  /** `Set-Cookie` as it last came. */
  setCookie = '';
  /** Of the authenticator app. */
  secret = '';

  constructor(url: string, ca: string) {
    this.#url = url;
    // Whatever the Host header says, it is the appliance's certificate that has to be shown.
    const identity = (_name: string, certificate: PeerCertificate) => checkServerIdentity('localhost', certificate);
    this.#agent = new Agent({ connect: { ca, checkServerIdentity: identity }, keepAliveTimeout: 1_000 });
  }

  async send(method: 'GET' | 'POST' | 'DELETE', path: string, { body, headers }: VisitOptions = {}): Promise<Answer> {
    const answer = await request(`${this.#url}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        ...(this.cookie !== '' && { cookie: this.cookie }),
        ...(method !== 'GET' && { origin: this.#url }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const set = [answer.headers['set-cookie'] ?? []].flat()[0];
    if (set !== undefined) {
      this.setCookie = set;
      this.cookie = set.split(';')[0]?.replace(/^[^=]*=$/, '') ?? '';
    }
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    const isJson = String(answer.headers['content-type']).includes('json');
    return { status: answer.statusCode, headers: answer.headers, bytes, json: isJson && JSON.parse(bytes.toString()) };
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.send('GET', path, { headers });
  }

  post(path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.send('POST', path, { headers, ...(body !== undefined && { body }) });
  }

  /** Follows the one-time link to the end. */
  async enrol(token: string, now: number): Promise<Answer> {
    const begun = await this.post('/api/enrolment/begin', { token });
    this.secret = begun.json.totpSecret;
    return this.post('/api/enrolment/finish', { token, password: PASSWORD, code: this.code(now) });
  }

  code(now: number): string {
    return new TOTP({ secret: this.secret }).generate({ timestamp: now });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.close();
  }
}
