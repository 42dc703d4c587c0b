// drachtio-srf 5.0.29 as it behaves: its bundled declarations lack what we use (receivedOn, noAck's answer, cbRequest's error).
import type { EventEmitter } from 'node:events';
import Srf from 'drachtio-srf';

export type SipHeaderMap = Record<string, string>;

interface MessageShape {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  get(name: string): string | undefined;
  has(name: string): boolean;
}

export interface SrfRequest extends EventEmitter, MessageShape {
  readonly method: string;
  readonly uri: string;
  readonly source_address: string;
  readonly source_port: number;
  /** `host:port` that the request arrived on; only on new requests outside a dialog. */
  readonly receivedOn: string | undefined;
  readonly source: 'network' | 'application';
  cancel(callback?: (error: unknown) => void): void;
}

/** A response, received or (on a request that came in) to be sent. */
export interface SrfResponse extends MessageShape {
  readonly status: number;
  readonly reason: string;
  readonly finalResponseSent: boolean;
  send(
    status: number,
    options?: { readonly reason?: string; readonly headers?: SipHeaderMap; readonly body?: string },
    callback?: (error: unknown, sent: MessageShape | undefined) => void,
  ): void;
}

export interface SrfDialog extends EventEmitter {
  readonly id: string;
  readonly connected: boolean;
  readonly local: { readonly sdp: string; readonly contact: string };
  readonly remote: { readonly sdp: string };
  destroy(options?: { headers?: SipHeaderMap }): Promise<unknown>;
  request(options: { method: string; headers?: SipHeaderMap; body?: string }): Promise<SrfResponse>;
}

/** What `createUAC` without SDP and with `noAck` resolves to: the offer in the 200, to be answered in the ACK. */
export interface OfferedDialog {
  readonly sdp: string;
  readonly res: SrfResponse;
  ack(answer: string): Promise<SrfDialog>;
  /** ACKs and says BYE at once. */
  destroy(): Promise<void>;
}

export interface InviteOptions {
  headers?: SipHeaderMap;
  localSdp?: string;
  /** Next hop, when it is not what the URI says. */
  proxy?: string;
  noAck?: boolean;
  method?: 'INVITE' | 'SUBSCRIBE';
}

export interface InviteProgress {
  cbRequest?: (error: unknown, request: SrfRequest | undefined) => void;
  cbProvisional?: (response: SrfResponse) => void;
}

export interface SrfConnection extends EventEmitter {
  connect(options: {
    host: string;
    port: number;
    secret: string;
    enablePing?: boolean;
    reconnect?: { retryMaxDelay: number };
  }): void;
  disconnect(): void;
  use(method: string, handler: (request: SrfRequest, response: SrfResponse, next: () => void) => void): void;
  createUAC(uri: string, options: InviteOptions, progress?: InviteProgress): Promise<SrfDialog | OfferedDialog>;
  createUAS(
    request: SrfRequest,
    response: SrfResponse,
    options: { localSdp?: string; headers?: SipHeaderMap },
  ): Promise<SrfDialog>;
  createUAS(
    request: SrfRequest,
    response: SrfResponse,
    options: { localSdp?: string; headers?: SipHeaderMap },
    /** Called before the next message is looked at, which a promise's reader is not. */
    callback: (error: unknown, dialog: SrfDialog | undefined) => void,
  ): void;
  request(
    uri: string,
    options: { method: string; headers?: SipHeaderMap; body?: string; proxy?: string },
    callback: (error: unknown, sent: SrfRequest | undefined) => void,
  ): void;
}

/** A new connection object; the one place where the bundled declarations are set aside. */
export function newSrf(): SrfConnection {
  return new Srf() as unknown as SrfConnection;
}

/** A dialog has a method `ack` too, as it has one of every SIP method; only the offer has its `sdp` beside it. */
export function isOfferedDialog(value: SrfDialog | OfferedDialog): value is OfferedDialog {
  return 'sdp' in value && typeof value.sdp === 'string';
}
