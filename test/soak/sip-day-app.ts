// The application of the soak, on unmodified drachtio-srf: what it does with a call is said by the number that was called.
import { once } from 'node:events';
import Srf from 'drachtio-srf';
import type { Edge } from '../../src/engine/edge/edge.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import type { SrfConnection, SrfDialog, SrfRequest, SrfResponse } from '../../src/pbx/leg/srf-types.ts';
import type { Seeded } from '../support/seeded.ts';
import { SDP } from '../support/sip-peer.ts';

interface Parts {
  readonly clock: Clock;
  readonly random: Seeded;
  readonly longestMs: number;
}

interface SoakSrf extends SrfConnection {
  proxyRequest(request: SrfRequest, destination: string, options: Record<string, unknown>): Promise<unknown>;
}

export interface SoakApp {
  leave(): void;
}

export async function soakApp(edge: Edge, secret: string, { clock, random, longestMs }: Parts): Promise<SoakApp> {
  const srf = new Srf() as unknown as SoakSrf;
  srf.connect({ ...edge.admin, secret });
  srf.on('error', () => {});
  await once(srf, 'connect');
  /** Ends the call after a while, when it has not ended by then. */
  const endLater = (dialog: SrfDialog): void => {
    const timer = clock.after(random.below(longestMs), () => void dialog.destroy().catch(() => {}));
    dialog.on('destroy', () => timer[Symbol.dispose]());
    dialog.on('modify', (_request: SrfRequest, response: SrfResponse) => response.send(200, { body: SDP }));
  };
  const answer = async (request: SrfRequest, response: SrfResponse, endsIt: boolean): Promise<void> => {
    const dialog = await srf.createUAS(request, response, { localSdp: SDP });
    if (endsIt) endLater(dialog);
  };
  const target = (request: SrfRequest): string => request.get('X-Target') ?? '';
  srf.use('register', (request, response) =>
    response.send(200, { headers: { Contact: request.get('Contact') ?? '', Expires: request.get('Expires') ?? '' } }),
  );
  srf.use('options', (_request, response) => response.send(200));
  srf.use('subscribe', (request, response) =>
    response.send(202, { headers: { Expires: request.get('Expires') ?? '' } }),
  );
  srf.use('message', (request, response) => {
    response.send(200);
    srf.createUAC(target(request), { localSdp: SDP }).then(
      (dialog) => endLater(dialog as SrfDialog),
      () => {},
    );
  });
  srf.use('invite', (request, response) => {
    const kind = /^sip:([\w-]+)@/.exec(request.uri)?.[1] ?? '';
    if (kind === 'busy') response.send(486);
    else if (kind === 'cancelled') response.send(180);
    else if (kind === 'proxied')
      void srf.proxyRequest(request, target(request), { recordRoute: true, remainInDialog: true }).catch(() => {});
    else void answer(request, response, kind === 'we-end').catch(() => {});
  });
  while ((edge.status().routes.invite ?? 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  return { leave: () => srf.disconnect() };
}
