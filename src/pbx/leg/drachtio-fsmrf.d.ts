// The parts of drachtio-fsmrf 5.0.1 that we use; the package has no types of its own.
declare module 'drachtio-fsmrf' {
  import type { EventEmitter } from 'node:events';

  export interface EslEvent {
    getHeader(name: string): string | undefined;
    getBody(): string;
  }

  /** drachtio-srf's dialog toward the media server. */
  export interface EndpointDialog extends EventEmitter {
    readonly remote: { readonly sdp: string };
    readonly local: { readonly contact: string };
    destroy(): Promise<unknown>;
    request(options: { method: string; headers?: Record<string, string>; body?: string }): Promise<{
      readonly status: number;
      readonly body: string;
    }>;
  }

  export interface Endpoint extends EventEmitter {
    readonly uuid: string;
    readonly connected: boolean;
    readonly dtmfType: string | undefined;
    readonly local: { readonly sdp: string | undefined };
    readonly dialog: EndpointDialog | null;
    /** The event socket of this endpoint; null when it is gone. */
    readonly conn?: { readonly socket?: { setNoDelay(isOn: boolean): unknown } } | null;
    api(command: string, args: string | readonly string[]): Promise<EslEvent>;
    execute(app: string, arg?: string): Promise<EslEvent>;
    addCustomEventListener(subclass: string, listener: (body: unknown, event: EslEvent) => void): void;
    play(file: string): Promise<{ readonly playbackLastOffsetPos: string | null }>;
    getChannelVariables(includeMedia: boolean): Promise<Readonly<Record<string, string | number>>>;
    bridge(other: Endpoint): Promise<void>;
    unbridge(): Promise<void>;
    destroy(): Promise<void>;
  }

  export interface EndpointOptions {
    remoteSdp?: string;
    srtp?: boolean;
    headers?: Record<string, string>;
  }

  export interface MediaServer extends EventEmitter {
    createEndpoint(options?: EndpointOptions): Promise<Endpoint>;
    api(command: string): Promise<string>;
    disconnect(): void;
  }

  export interface ConnectOptions {
    address: string;
    port: number;
    secret: string;
    listenAddress: string;
    listenPort?: number;
    advertisedAddress?: string;
    profile?: string;
  }

  /** What fsmrf needs of drachtio-srf: nothing else is called. */
  export interface SrfFacade {
    createUAC(uri: string, options: { headers: Record<string, string>; localSdp?: string }): Promise<unknown>;
  }

  export default class Mrf extends EventEmitter {
    constructor(srf: SrfFacade, options?: Record<string, never>);
    connect(options: ConnectOptions): Promise<MediaServer>;
  }
}
