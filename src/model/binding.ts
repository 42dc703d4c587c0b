// A contact bound to an address-of-record (RFC 3261 §10), as the registrar keeps it.
import type { UtcMs } from '../kernel/clock.ts';

export interface ContactBinding {
  /** The phone's user name. */
  readonly username: string;
  /** The Contact URI as registered. */
  readonly contact: string;
  /** `+sip.instance` or, without one, empty (RFC 5626 §4.1). */
  readonly instance: string;
  readonly callId: string;
  readonly cseq: number;
  readonly registeredAt: UtcMs;
  readonly expiresAt: UtcMs;
  /** 0 to 1 (RFC 3261 §10.2.1.2). */
  readonly q: number;
  readonly userAgent: string;
  readonly source: { readonly transport: 'udp' | 'tcp' | 'tls' | 'wss'; readonly host: string; readonly port: number };
}
