// What every sub-command stands on: the bootstrap file, the vault (running appliance or none), who asks, and how to print.
import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bootstrap } from '../config/bootstrap.ts';
import { loadBootstrap } from '../config/bootstrap.ts';
import { readEnvironment } from '../config/env.ts';
import { openRuntimeFolder } from '../config/runtime-folder.ts';
import { LinkClient } from '../ipc/client.ts';
import type { NoticeHandler } from '../ipc/link.ts';
import type { Clock } from '../kernel/clock.ts';
import { systemClock } from '../kernel/clock.ts';
import { WardlineError } from '../kernel/errors.ts';
import { connectVault } from '../vault/client.ts';
import type { Vault } from '../vault/contract.ts';
import type { Caller } from '../vault/shapes.ts';

export interface CliContext {
  readonly checkout: string;
  readonly bootstrap: Bootstrap;
  readonly runtimeFolder: string;
  readonly clock: Clock;
  /** `local:<os user>`, for acts at the command line. */
  readonly caller: Caller;
}

export type CliVault = Vault & AsyncDisposable & { readonly isRunning: boolean };

/** A vault that is just being started again has this long. */
const CONNECT_MS = 1_000;

/** `whenMissing` is what a folder without a bootstrap file means: a mistyped name, or, for what makes appliances, a new one. */
export function openContext(whenMissing: 'write' | 'refuse' = 'refuse'): CliContext {
  const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  const environment = readEnvironment(process.env, checkout);
  return {
    checkout,
    bootstrap: loadBootstrap(environment, whenMissing),
    runtimeFolder: openRuntimeFolder(environment),
    clock: systemClock,
    caller: { actor: { kind: 'local', user: userInfo().username }, address: '' },
  };
}

/** The running appliance's vault, or the vault itself under its lock when none runs. */
export async function openVault(context: CliContext): Promise<CliVault> {
  const running = await connectRunning(context);
  if (running !== undefined) return running;
  const { bootstrap, clock, runtimeFolder } = context;
  // The whole vault: most commands ask the running one and never need it.
  const [{ hasVault }, { openLocalVault }] = await Promise.all([
    import('../vault/create.ts'),
    import('../vault/local-vault.ts'),
  ]);
  if (!hasVault(bootstrap.dataFolder)) {
    throw new WardlineError(
      'vault-missing',
      `There is no vault in ${bootstrap.dataFolder} yet; run \`wardline init\` or \`npm start\` first.`,
    );
  }
  const { dataFolder, keyFile, headsFile, credentialsFolder } = bootstrap;
  const vault = await openLocalVault({
    dataFolder,
    keyFile,
    credentialsFolder,
    headsFile,
    clock,
    spoolFolder: join(runtimeFolder, 'spool'),
  });
  return Object.assign(vault, { isRunning: false });
}

async function connectRunning({ runtimeFolder, clock }: CliContext): Promise<CliVault | undefined> {
  const socket = join(runtimeFolder, 'vault.sock');
  const token = readToken(runtimeFolder);
  if (!existsSync(socket) || token === undefined || !(await isThere(socket, token, clock))) return undefined;
  const vault = connectVault({ socket, token, role: 'cli', clock });
  return Object.assign(vault, { isRunning: true, [Symbol.asyncDispose]: async () => vault[Symbol.dispose]() });
}

/** Whoever takes the connection is the running appliance, however busy it is; the socket of one that is gone takes none. */
async function isThere(path: string, token: string, clock: Clock): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  using _link = new LinkClient({ path, role: 'cli', token, clock, onUp: () => resolve(true) });
  using _limit = clock.after(CONNECT_MS, () => resolve(false));
  return await promise;
}

/** What the command line presents to the running appliance; undefined when none runs. */
function readToken(runtimeFolder: string): string | undefined {
  const file = join(runtimeFolder, 'cli-token');
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** The control socket of one of the running appliance's processes. @throws WardlineError `not-running` */
export function connectProcess(
  { runtimeFolder, clock }: CliContext,
  name: 'edge' | 'media',
  onNotice?: NoticeHandler,
): LinkClient {
  const token = readToken(runtimeFolder);
  if (token === undefined) {
    throw new WardlineError('not-running', 'The appliance is not running here; start it with `wardline start`.');
  }
  const path = join(runtimeFolder, `${name}.sock`);
  return new LinkClient({ path, role: 'cli', token, clock, ...(onNotice !== undefined && { onNotice }) });
}
