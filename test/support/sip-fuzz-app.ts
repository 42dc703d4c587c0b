// The application behind a fuzzed edge, on unmodified drachtio-srf: it answers, refuses, rings on, proxies, calls back and keeps silent, as chance has it.
import { once } from 'node:events';
import Srf from 'drachtio-srf';
import type { HostPort } from '../../src/kernel/ip.ts';
import type { SrfConnection, SrfDialog, SrfRequest, SrfResponse } from '../../src/pbx/leg/srf-types.ts';
import type { Seeded } from './seeded.ts';
import { SDP } from './sip-peer.ts';

/** Calls whose Call-ID begins so are answered 200. */
export const GOOD_CALL = 'good-';
/** Dialogs that it holds; a further one ends the oldest. */
const MAX_DIALOGS = 20;
const METHODS = [
  'register',
  'options',
  'message',
  'info',
  'notify',
  'subscribe',
  'publish',
  'refer',
  'update',
] as const;
const STATUSES = [200, 200, 202, 302, 401, 404, 480, 503] as const;

/** What srf has beyond what call control uses. */
interface FuzzedSrf extends SrfConnection {
  proxyRequest(
    request: SrfRequest,
    destinations: readonly string[],
    options: Record<string, unknown>,
  ): Promise<unknown>;
}

export interface FuzzApp {
  /** Ends every call that it knows of, and leaves. */
  leave(): Promise<void>;
}

/** `peer` is where it calls and proxies to. */
export async function fuzzApp(admin: HostPort, secret: string, random: Seeded, peer: string): Promise<FuzzApp> {
  const srf = new Srf() as unknown as FuzzedSrf;
  const dialogs = new Set<SrfDialog>();
  const keep = (dialog: SrfDialog): void => {
    dialogs.add(dialog);
    dialog.on('destroy', () => dialogs.delete(dialog));
    for (const event of ['refer', 'info', 'message', 'notify', 'subscribe', 'update', 'modify', 'options', 'publish']) {
      dialog.on(event, (_request: SrfRequest, response: SrfResponse) => response.send(pick(random, [200, 202, 488])));
    }
    const [oldest] = dialogs;
    if (dialogs.size > MAX_DIALOGS && oldest !== undefined) end(oldest);
  };
  const end = (dialog: SrfDialog): void => {
    dialogs.delete(dialog);
    dialog.destroy().catch(() => {});
  };
  srf.connect({ ...admin, secret });
  srf.on('error', () => {});
  await once(srf, 'connect');
  const answer = (request: SrfRequest, response: SrfResponse) =>
    srf.createUAS(request, response, { localSdp: SDP }).then(keep, () => {});
  const callOut = () =>
    srf.createUAC(peer, { localSdp: SDP }).then(
      (dialog) => keep(dialog as SrfDialog),
      () => {},
    );
  srf.use('invite', (request, response) => {
    const choice = request.get('Call-ID')?.startsWith(GOOD_CALL) === true ? 0 : random.below(7);
    if (choice <= 1) void answer(request, response);
    else if (choice === 2) response.send(486);
    else if (choice === 3) response.send(180);
    else if (choice === 4) response.send(183, { headers: { Require: '100rel' } });
    else if (choice === 5)
      void srf.proxyRequest(request, [peer, peer], { recordRoute: random.below(2) === 0 }).catch(() => {});
  });
  for (const method of METHODS) {
    srf.use(method, (request, response) => {
      const isGood = request.get('Call-ID')?.startsWith(GOOD_CALL) === true;
      if (method === 'message' && !isGood) void callOut();
      if (isGood || random.below(4) > 0)
        response.send(isGood ? 200 : pick(random, STATUSES), { headers: { Expires: '3600' } });
    });
  }
  return {
    async leave() {
      for (const dialog of dialogs) end(dialog);
      await new Promise((resolve) => setImmediate(resolve));
      srf.disconnect();
    },
  };
}

function pick<Item>(random: Seeded, items: readonly Item[]): Item {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new Error('There is nothing to pick from.');
  return item;
}
