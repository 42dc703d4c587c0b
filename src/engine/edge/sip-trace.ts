// A SIP trace of one person for a while, for an admin who looks for a fault: names, numbers, keys and bodies are masked.
import type { Clock } from '../../kernel/clock.ts';
import { headerKey, type SipMessage } from '../../protocol/sip/message.ts';
import { parseMessage } from '../../protocol/sip/parse.ts';
import { parseNameAddr, parseUri, splitList } from '../../protocol/sip/uri.ts';
import type { Flow } from '../runtime/sip-stack.ts';
import { Mask, maskedBody, maskedHeader } from './trace-mask.ts';

/** Traces at once. */
export const MAX_TRACES = 4;
export const MAX_TRACE_SECONDS = 3_600;
/** Messages that one trace tells of. */
const MAX_MESSAGES = 10_000;
/** Calls that are followed once they were seen to be theirs. */
const MAX_CALLS = 1_000;

/** What is in a trace: one masked message. */
export type OnTraced = (text: string) => void;

interface Trace {
  /** The user part that is looked for. */
  readonly user: string;
  readonly mask: Mask;
  readonly calls: Set<string>;
  readonly onTraced: OnTraced;
  left: number;
}

/** What names the person: the addresses of a message. */
const NAMING = ['from', 'to', 'contact', 'p-asserted-identity', 'refer-to'];

export class SipTraces {
  readonly #traces = new Set<Trace>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOn(): boolean {
    return this.#traces.size > 0;
  }

  get isFull(): boolean {
    return this.#traces.size >= MAX_TRACES;
  }

  /** `aor` is `1001`, `1001@clinic.example` or a URI; the user part alone is compared. Disposing ends it early. */
  start(aor: string, seconds: number, onTraced: OnTraced, onEnd: () => void): Disposable {
    const user = userOf(aor) ?? aor;
    const trace: Trace = { user: user.toLowerCase(), mask: new Mask(), calls: new Set(), onTraced, left: MAX_MESSAGES };
    this.#traces.add(trace);
    const end = () => {
      timer[Symbol.dispose]();
      if (this.#traces.delete(trace)) onEnd();
    };
    const timer = this.#clock.after(Math.min(seconds, MAX_TRACE_SECONDS) * 1000, end);
    return { [Symbol.dispose]: end };
  }

  received(message: SipMessage, flow: Flow): void {
    for (const trace of this.#traces) this.#tell(trace, message, flow, '<-');
  }

  sent(bytes: Uint8Array, flow: Flow): void {
    if (!this.isOn) return;
    const message = parseMessage(Buffer.from(bytes));
    if ('fault' in message) return;
    for (const trace of this.#traces) this.#tell(trace, message, flow, '->');
  }

  #tell(trace: Trace, message: SipMessage, flow: Flow, arrow: string): void {
    const callId = message.headers.get('call-id') ?? '';
    if (trace.left === 0 || !(trace.calls.has(callId) || names(message, trace.user))) return;
    if (trace.calls.size < MAX_CALLS) trace.calls.add(callId);
    trace.left -= 1;
    const time = new Date(this.#clock.now()).toISOString().slice(11, 23);
    const { host, port } = flow.remote;
    trace.onTraced(`${time} ${arrow} ${flow.transport} ${host}:${port}\n${maskedText(message, trace.mask)}`);
  }
}

function maskedText(message: SipMessage, mask: Mask): string {
  const start =
    message.kind === 'request' ? `${message.method} ${mask.uri(message.uri)} SIP/2.0` : `SIP/2.0 ${message.status}`;
  const lines = [...message.headers].map(({ name, value }) => `${name}: ${maskedHeader(headerKey(name), value, mask)}`);
  return [start, ...lines, ...maskedBody(message)].join('\n');
}

function names(message: SipMessage, user: string): boolean {
  const { headers } = message;
  if (message.kind === 'request' && userOf(message.uri)?.toLowerCase() === user) return true;
  const values = NAMING.flatMap((name) => headers.all(name).flatMap((line) => splitList(line)));
  return values.some((value) => parseNameAddr(value)?.uri.user?.toLowerCase() === user);
}

function userOf(text: string): string | undefined {
  const uri = parseUri(/^(sips?|tel):/i.test(text) ? text : `sip:${text.includes('@') ? text : `${text}@x`}`);
  return uri?.user;
}
