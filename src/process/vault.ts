// Composition root of the vault process: reads its boot line, opens the vault, serves the contract and the intake on one socket.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VaultBoot } from '../config/boot.ts';
import { readBoot, refuseToStart } from '../config/boot-line.ts';
import type { Answer, Link, Message } from '../ipc/link.ts';
import { LinkServer } from '../ipc/server.ts';
import type { Json } from '../kernel/canonical.ts';
import { systemClock } from '../kernel/clock.ts';
import { WardlineError } from '../kernel/errors.ts';
import { createLogger, type Logger } from '../kernel/logger.ts';
import { runOnThread } from '../vault/backup/drill-worker.ts';
import { answerIntake } from '../vault/captured/intake-requests.ts';
import type { AskContext } from '../vault/handlers.ts';
import { OpenVault } from '../vault/open-vault.ts';
import { Reserve } from '../vault/store/reserve.ts';
import { headsToSyslog } from './syslog.ts';

const ASKING_ROLES = new Set(['controller', 'cli', 'main']);

process.report.reportOnFatalError = false;

void main().catch(refuseToStart);

async function main(): Promise<void> {
  const stop = Promise.withResolvers<void>();
  const needed = ['runtimeFolder', 'tokens', 'dataFolder', 'keyFile', 'headsFile', 'spoolFolder'] as const;
  const boot = await readBoot<VaultBoot>(needed, () => stop.resolve());
  const { logFile } = boot;
  const log = createLogger({ role: 'vault', level: boot.logLevel, ...(logFile !== undefined && { file: logFile }) });
  const { dataFolder, keyFile, headsFile, spoolFolder, credentialsFolder, names, startLocked = false } = boot;
  const canResume = isSameAppliance(boot);
  const lockMark = join(boot.runtimeFolder, 'records.locked');
  const mustStayLocked = canResume && existsSync(lockMark);
  if (!canResume) rmSync(lockMark, { force: true });
  const vault = await OpenVault.open({
    ...{
      dataFolder,
      keyFile,
      credentialsFolder,
      headsFile,
      spoolFolder,
      names,
      canResume,
      hasReaders: true,
      drill: runOnThread,
      reserve: new Reserve(dataFolder),
    },
    onHead: boot.headsToSyslog ? headsToSyslog(log) : undefined,
    startLocked: startLocked || mustStayLocked,
    clock: systemClock,
    log,
  });
  // Records that somebody locked stay locked when this process alone is started again, whatever the key file opens.
  vault.onNotice(({ type }) => {
    if (type === 'records.locked') writeFileSync(lockMark, '', { mode: 0o600 });
    if (type === 'records.unlocked') rmSync(lockMark, { force: true });
  });
  const server = await serve(boot, vault, () => stop.resolve());
  await stop.promise;
  await close(server, vault, log);
}

/** What each link has shown of itself; forgotten with it. */
const contexts = new WeakMap<Link, AskContext>();

async function serve(boot: VaultBoot, vault: OpenVault, onShutdown: () => void): Promise<LinkServer> {
  const server = await LinkServer.listen({
    path: join(boot.runtimeFolder, 'vault.sock'),
    tokens: boot.tokens,
    clock: systemClock,
    onRequest: (message, link, type) => answer(vault, message, link, type, onShutdown),
  });
  vault.onNotice(({ type, payload }) => {
    for (const link of server.links) if (ASKING_ROLES.has(link.role)) link.notify(type, payload as Json);
  });
  return server;
}

async function answer(
  vault: OpenVault,
  message: Message,
  link: Link,
  type: string,
  onShutdown: () => void,
): Promise<Answer> {
  const { role } = link;
  if (type.startsWith('intake.')) return answerIntake(vault.intake, type, message);
  if (!ASKING_ROLES.has(role)) throw new WardlineError('not-allowed', `The role ${role} may only hand in audio.`);
  if (type === 'shutdown') {
    setImmediate(onShutdown); // after the answer is on its way
    return { payload: {} };
  }
  if (!vault.isOperation(type)) throw new WardlineError('unknown-request', `The vault does not know ${type}.`);
  const { answer: payload, body } = await vault.answer(type, message.payload as never, message.body, contextOf(link));
  return { payload: payload as unknown as Json, ...(body && { body }) };
}

function contextOf(link: Link): AskContext {
  const known = contexts.get(link) ?? { role: link.role, persons: new Map() };
  contexts.set(link, known);
  return known;
}

async function close(server: LinkServer, vault: OpenVault, log: Logger): Promise<void> {
  try {
    await vault[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    process.exit(0);
  } catch (thrown) {
    log.error({ err: thrown }, 'the vault did not close cleanly');
    process.exit(1);
  }
}

/**
 * Whether the vault alone was restarted: tokens are random for each start of the appliance, and their hash in the runtime
 * folder, which is on RAM, tells. Writers of that start may then go on with their captures.
 */
function isSameAppliance({ runtimeFolder, tokens }: VaultBoot): boolean {
  const path = join(runtimeFolder, 'vault.start');
  const mark = createHash('sha256').update(JSON.stringify(tokens)).digest('hex');
  try {
    if (readFileSync(path, 'utf8') === mark) return true;
  } catch {
    // the first start in this folder
  }
  try {
    writeFileSync(path, mark, { mode: 0o600 });
  } catch (cause) {
    throw new WardlineError('folder-unwritable', `The folder ${runtimeFolder} cannot be written; check its owner.`, {
      cause,
    });
  }
  return false;
}
