// Composition root of the controller: builds its parts in order, owns them, disposes of them in reverse.
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Api } from './api/server.ts';
import { createApi } from './api/server.ts';
import type { ControllerBoot } from './config/boot.ts';
import { readBoot, refuseToStart } from './config/boot-line.ts';
import type { Handler } from './ipc/link.ts';
import { LinkServer } from './ipc/server.ts';
import { systemClock } from './kernel/clock.ts';
import { codeOf, WardlineError } from './kernel/errors.ts';
import type { Logger } from './kernel/logger.ts';
import { createLogger } from './kernel/logger.ts';
import { CertificateWatch } from './ops/certificate-watch.ts';
import { EdgeWatch } from './ops/edge-watch.ts';
import { surviveLibraryThrows, withholdConsole } from './ops/library-guard.ts';
import { PromptFolder } from './ops/prompt-folder.ts';
import type { Pbx } from './pbx/pbx.ts';
import { createPbx } from './pbx/pbx.ts';
import { connectVault } from './vault/client.ts';
import type { AnswerTo, Vault } from './vault/contract.ts';

const consoleFolder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'console');

async function startController(boot: ControllerBoot): Promise<void> {
  const logger = createLogger({
    role: 'controller',
    level: boot.logLevel,
    ...(boot.logFile !== undefined && { file: boot.logFile }),
  });
  withholdConsole(logger);
  surviveLibraryThrows(logger);
  const owned = new AsyncDisposableStack();
  const vault = owned.use(
    connectVault({ socket: boot.vaultSocket, token: boot.vaultToken, role: 'controller', clock: systemClock }),
  );
  const pbx = await startPbx(boot, vault, logger);
  owned.defer(() => pbx.close());
  const { socket, token } = boot.edge;
  owned.use(new EdgeWatch({ socket, token, vault, clock: systemClock, logger }));
  const tls = await vault.ask('tls.get', { name: 'console' });
  const api = await startApi(boot, vault, pbx, tls, logger);
  owned.defer(() => api.close());
  owned.use(
    new CertificateWatch({
      first: tls,
      get: () => vault.ask('tls.get', { name: 'console' }),
      hand: (next) => api.setCertificate(next),
      clock: systemClock,
      logger,
    }),
  );
  const shutDown = async () => {
    await owned.disposeAsync();
    process.exit(0);
  };
  const server = await LinkServer.listen({
    path: join(boot.runtimeFolder, 'controller.sock'),
    tokens: boot.tokens,
    clock: systemClock,
    onRequest: controllerRequests(pbx, api, () => void setImmediate(shutDown)),
  });
  owned.use(server);
}

async function startPbx(boot: ControllerBoot, vault: Vault, logger: Logger): Promise<Pbx> {
  const prompts = new PromptFolder(boot.promptsFolder, vault);
  const loadClinic = async () => {
    const { clinic } = await vault.ask('clinic.get', {});
    const { missing } = await prompts.layOut(clinic);
    if (missing > 0) logger.warn({ missing }, 'texts that nobody has spoken yet; import the clinic again');
    return clinic;
  };
  return createPbx({
    edge: { ...boot.edge.admin, secret: boot.edge.secret },
    media: { ...boot.media.eventSocket, secret: boot.media.secret },
    listeners: boot.listeners,
    vault,
    loadClinic,
    promptPath: (prompt) => prompts.pathOf(prompt),
    spoolFolder: boot.spoolFolder,
    clock: systemClock,
    random: randomBytes,
    logger,
  });
}

async function startApi(
  boot: ControllerBoot,
  vault: Vault,
  pbx: Pbx,
  tls: AnswerTo<'tls.get'>,
  logger: Logger,
): Promise<Api> {
  const address = boot.console;
  try {
    return await createApi({
      vault,
      clock: systemClock,
      address,
      tls,
      hostName: boot.hostName,
      consoleFolder,
      logger,
      status: () => pbx.status(),
    });
  } catch (cause) {
    if (codeOf(cause) !== 'EADDRINUSE') throw cause;
    throw new WardlineError(
      'port-taken',
      `The console's port ${address.host}:${address.port} is taken; stop what uses it, or change it in the bootstrap file.`,
      { cause },
    );
  }
}

/** What the supervisor and the command line may ask of this process. */
function controllerRequests(pbx: Pbx, api: Api, shutDown: () => void): Handler {
  return async ({ payload }, _link, type) => {
    switch (type) {
      case 'status':
        return { payload: { ...pbx.status(), console: api.url } };
      case 'drain':
        await pbx.drain(Number((payload as { deadlineMs?: number }).deadlineMs ?? 0));
        return { payload: {} };
      case 'shutdown':
        shutDown();
        return { payload: {} };
      default:
        throw new WardlineError('unknown-request', `The controller does not answer ${type}.`);
    }
  };
}

try {
  const needed = ['runtimeFolder', 'tokens', 'vaultSocket', 'edge', 'media', 'console'] as const;
  await startController(await readBoot<ControllerBoot>(needed, () => process.exit(0)));
} catch (thrown) {
  refuseToStart(thrown);
}
