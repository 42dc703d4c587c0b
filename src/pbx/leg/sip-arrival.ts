// A SIP request outside any dialog, as policy sees it: which listener it came by, from where, what it says, and one answer (RFC 3261 §8.2).
import type { NameAddr } from '../../protocol/sip/uri.ts';
import { parseNameAddr, parseUri } from '../../protocol/sip/uri.ts';
import type { SipHeaderMap, SrfRequest, SrfResponse } from './srf-types.ts';

/** A SIP listener of the edge. What came by it is decided by its address alone, never by what a message says. */
export interface Listener {
  readonly name: 'phones' | 'carrier' | 'inner';
  readonly transport: 'udp' | 'tcp' | 'tls' | 'wss';
  readonly host: string;
  readonly port: number;
}

export interface Source {
  readonly host: string;
  readonly port: number;
}

export interface ReplyOptions {
  readonly reason?: string;
  /** A list sends one line for each value. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
}

export class SipArrival {
  /** Undefined when it came by an address that is not configured; such a request is refused. */
  readonly listener: Listener | undefined;
  readonly source: Source;
  readonly #request: SrfRequest;
  readonly #response: SrfResponse;

  constructor(request: SrfRequest, response: SrfResponse, listeners: readonly Listener[]) {
    this.#request = request;
    this.#response = response;
    this.listener = findListener(listeners, request.receivedOn);
    this.source = { host: request.source_address, port: request.source_port };
  }

  get method(): string {
    return this.#request.method;
  }

  get uri(): string {
    return this.#request.uri;
  }

  /** The user part of the Request-URI. */
  get dialledUser(): string | undefined {
    return parseUri(this.#request.uri)?.user;
  }

  get body(): string {
    return this.#request.body ?? '';
  }

  get isAnswered(): boolean {
    return this.#response.finalResponseSent;
  }

  /** The header's value; lines of the same name come joined by commas. */
  header(name: string): string | undefined {
    return this.#request.get(name);
  }

  get from(): NameAddr | undefined {
    return parseNameAddr(this.header('From') ?? '');
  }

  get to(): NameAddr | undefined {
    return parseNameAddr(this.header('To') ?? '');
  }

  /** Answers; a second final answer is ignored. */
  reply(status: number, options: ReplyOptions = {}): void {
    if (this.#response.finalResponseSent) return;
    this.#response.send(status, {
      ...(options.reason === undefined ? {} : { reason: options.reason }),
      headers: flatHeaders(options.headers ?? {}),
      ...(options.body === undefined ? {} : { body: options.body }),
    });
  }

  /** For the leg layer, which makes dialogs of it. */
  get raw(): { readonly request: SrfRequest; readonly response: SrfResponse } {
    return { request: this.#request, response: this.#response };
  }
}

/** srf joins repeated headers by commas, which RFC 3261 §7.3.1 forbids for challenges: further lines travel inside the value. */
function flatHeaders(headers: Readonly<Record<string, string | readonly string[]>>): SipHeaderMap {
  const flat: SipHeaderMap = {};
  for (const [name, value] of Object.entries(headers)) {
    flat[name] = typeof value === 'string' ? value : value.join(`\r\n${name}: `);
  }
  return flat;
}

/** The listener with that address; one bound to every address matches by its port. */
export function findListener(listeners: readonly Listener[], receivedOn: string | undefined): Listener | undefined {
  const colon = receivedOn?.lastIndexOf(':') ?? -1;
  if (receivedOn === undefined || colon < 0) return undefined;
  const host = receivedOn.slice(0, colon).replace(/^\[|\]$/g, '');
  const port = Number(receivedOn.slice(colon + 1));
  const onPort = listeners.filter((listener) => listener.port === port);
  return (
    onPort.find((listener) => listener.host === host) ??
    onPort.find((listener) => listener.host === '0.0.0.0' || listener.host === '::')
  );
}
