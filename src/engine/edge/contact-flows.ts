// Connections of registered phones (RFC 5626 in spirit): a request to a Contact goes out by the connection that registered it.
import type { Clock } from '../../kernel/clock.ts';
import { parseSeconds } from '../../protocol/sip/fields.ts';
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import type { NameAddr, SipUri } from '../../protocol/sip/uri.ts';
import { parseNameAddr, parseNameAddrList } from '../../protocol/sip/uri.ts';
import type { Flow } from '../runtime/sip-stack.ts';

interface Entry {
  readonly flow: Flow;
  readonly aor: string;
  readonly expiresAtMs: number;
  /** It can be reached by this flow alone (RFC 5626 §4.2: it has a reg-id; RFC 7118 §5: it is a WebSocket's). */
  readonly isFlowOnly: boolean;
}

const DEFAULT_EXPIRES_SECONDS = 3_600;

export class ContactFlows {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;
  readonly #limit: number;
  /** Entries made since the last sweep. */
  #added = 0;

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The open connection that registered this Contact: same user, host and port, so that phones behind one address differ. */
  find(uri: SipUri): Flow | undefined {
    return this.#open(keyOf(uri));
  }

  #open(key: string): Flow | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.flow.isOpen && entry.expiresAtMs > this.#clock.now()) return entry.flow;
    if (!entry.isFlowOnly || entry.expiresAtMs <= this.#clock.now()) this.#entries.delete(key);
    return undefined;
  }

  /** Whether this Contact is registered and its flow, which alone would do, is gone: 430 (RFC 5626 §5.3.1). */
  hasLostFlow(uri: SipUri): boolean {
    const entry = this.#entries.get(keyOf(uri));
    return entry?.isFlowOnly === true && !entry.flow.isOpen && entry.expiresAtMs > this.#clock.now();
  }

  /** The UDP path of a phone that registered from this address: behind NAT only the same socket of ours reaches it. */
  findBySource({ host, port, params }: SipUri): Flow | undefined {
    const transport = params.get('transport')?.toLowerCase() ?? 'udp';
    return transport === 'udp' && port !== undefined ? this.#open(sourceKey(host, port)) : undefined;
  }

  /** Takes note of a REGISTER or SUBSCRIBE that was answered 200 or 202. */
  learn(request: SipRequest, response: SipResponse, flow: Flow): void {
    if (response.status !== 200 && response.status !== 202) return;
    const aor = parseNameAddr(request.headers.get('to') ?? '')?.uri;
    const aorKey = aor === undefined ? '' : keyOf(aor);
    if (request.headers.get('contact')?.trim() === '*') this.#forgetAor(aorKey);
    const granted = parseNameAddrList(response.headers.all('contact'));
    for (const contact of parseNameAddrList(request.headers.all('contact'))) {
      // Over UDP a Contact is reached by its address, as drachtio-server does, unless the next hop is named.
      const key = flow.isReliable ? keyOf(contact.uri) : sourceKey(flow.remote.host, flow.remote.port);
      const seconds = expirySeconds(contact, granted, request, response);
      const expiresAtMs = this.#clock.now() + seconds * 1000;
      // A subscription that ends, or ends sooner, takes nothing from the registration of the same Contact.
      const known = this.#entries.get(key);
      const isLess = known?.flow === flow && known.expiresAtMs >= expiresAtMs;
      if (request.method === 'SUBSCRIBE' && (seconds === 0 || isLess)) continue;
      this.#entries.delete(key);
      const isFlowOnly = flow.isReliable && (contact.params.has('reg-id') || contact.uri.host.endsWith('.invalid'));
      if (seconds > 0) this.#add(key, { flow, aor: aorKey, expiresAtMs, isFlowOnly });
    }
  }

  #add(key: string, entry: Entry): void {
    this.#added += 1;
    // As often as there are entries: phones that come back by new ports leave no more behind than there are of them.
    if (this.#added > this.#entries.size || this.#entries.size >= this.#limit) this.#sweep();
    // Still full: the oldest entry goes, and its phone is reached by its address as long as that works.
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size >= this.#limit && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(key, entry);
  }

  #forgetAor(aor: string): void {
    for (const [key, entry] of this.#entries) if (entry.aor === aor) this.#entries.delete(key);
  }

  #sweep(): void {
    this.#added = 0;
    const now = this.#clock.now();
    for (const [key, { flow, expiresAtMs, isFlowOnly }] of this.#entries) {
      if (expiresAtMs <= now || !(flow.isOpen || isFlowOnly)) this.#entries.delete(key);
    }
  }
}

/** What was granted in the response, else what was asked for in Contact or Expires (RFC 3261 §10.2.4). */
function expirySeconds(
  contact: NameAddr,
  granted: readonly NameAddr[],
  request: SipRequest,
  response: SipResponse,
): number {
  const same = granted.find(({ uri }) => keyOf(uri) === keyOf(contact.uri));
  const candidates = [same?.params.get('expires'), response.headers.get('expires'), contact.params.get('expires')];
  for (const text of [...candidates, request.headers.get('expires')]) {
    const seconds = parseSeconds(text);
    if (seconds !== undefined) return seconds;
  }
  return DEFAULT_EXPIRES_SECONDS;
}

function sourceKey(host: string, port: number): string {
  return `udp ${host}:${port}`;
}

function keyOf({ user, host, port }: SipUri): string {
  return `${user ?? ''}@${host.toLowerCase()}:${port ?? ''}`;
}
