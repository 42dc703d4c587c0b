// Two DTLS sessions and the network between them, in virtual time: what is lost, repeated or changed on the way is the test's to say.
import { randomBytes } from 'node:crypto';
import type { DtlsIdentity, DtlsRole } from '../../src/protocol/dtls/handshake.ts';
import { createDtlsIdentity, fingerprintOf } from '../../src/protocol/dtls/identity.ts';
import type { DtlsOptions } from '../../src/protocol/dtls/session.ts';
import { DtlsSession } from '../../src/protocol/dtls/session.ts';

export const SUITES = ['AEAD_AES_256_GCM', 'AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80'] as const;

export function newIdentity(): DtlsIdentity {
  return createDtlsIdentity(Date.now(), randomBytes(8));
}

/** Certificates take a moment to make; tests that do not care share these. */
export const [ALICE, BOB] = [newIdentity(), newIdentity()];

/** What becomes of a datagram: itself, others in its place, or nothing. */
export type Fate = (datagram: Buffer, from: DtlsRole) => readonly Buffer[];

export interface DtlsPair {
  readonly client: DtlsSession;
  readonly server: DtlsSession;
  /** Datagrams sent so far. */
  readonly sent: { readonly from: DtlsRole; readonly datagram: Buffer }[];
  /** Until nothing changes any more, or `ms` have passed. */
  run(ms?: number): void;
}

export function dtlsPair(
  fate: Fate = (datagram) => [datagram],
  clientOptions: Partial<DtlsOptions> = {},
  serverOptions: Partial<DtlsOptions> = {},
): DtlsPair {
  const sent: { from: DtlsRole; datagram: Buffer }[] = [];
  const wire: { from: DtlsRole; datagram: Buffer }[] = [];
  const make = (role: DtlsRole, mine: DtlsIdentity, theirs: DtlsIdentity, more: Partial<DtlsOptions>) => {
    const send = (datagram: Buffer) => {
      sent.push({ from: role, datagram });
      for (const each of fate(datagram, role)) wire.push({ from: role, datagram: each });
    };
    const fingerprint = fingerprintOf(theirs.certificate);
    return new DtlsSession(
      { role, identity: mine, fingerprint, suites: SUITES, random: randomBytes, send, ...more },
      0,
    );
  };
  const client = make('client', ALICE, BOB, clientOptions);
  const server = make('server', BOB, ALICE, serverOptions);
  let now = 0;
  const run = (ms = 60_000) => {
    for (const end = now + ms; now < end; now += 20) {
      client.step(now);
      server.step(now);
      for (const { from, datagram } of wire.splice(0)) (from === 'client' ? server : client).receive(datagram, now);
    }
  };
  return { client, server, sent, run };
}
