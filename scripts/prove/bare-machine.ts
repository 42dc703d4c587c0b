// `node scripts/prove/bare-machine.ts`: a restore onto a bare machine by the README's lines alone, timed; part of `npm run prove:vault`.
// Option: --install runs `npm ci` for real, which needs the registry.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { TOTP } from 'otpauth';
import type { Role } from '../../src/vault/shapes.ts';
import { captureAll, LOCAL, makeVault, newFolders, openVault, sampleCdr, tone, voicemailHeader } from '../../test/support/vault-bench.ts'; // biome-ignore format: one import
import { type Before, install, layOut, readmeLines, walk, whyNot } from './bare-machine/machine.ts';

const LOGIN = 'pat';
const PASSWORD = 'plum-tractor-violet-92';
const ADDRESS = '127.0.0.1';
const CALLS = 200;
const MESSAGE_MS = 12_000;
/** One code of the authenticator: the one that enrolled is not taken again. */
const CODE_MS = 30_000;

/** What failed; nothing when it held. */
export async function proveBareMachine(isInstalling: boolean): Promise<string[]> {
  const reason = whyNot();
  if (reason !== undefined) {
    console.log(`A bare machine is NOT tried: ${reason}.`);
    return [];
  }
  using folders = newFolders();
  const root = mkdtempSync(join(tmpdir(), 'wardline-bare-'));
  try {
    const before = await makeBackup(folders);
    layOut(root);
    if (isInstalling) console.log(`npm ci: ${install(root).toFixed(1)} s`);
    const walked = walk(root, join(folders.root, 'backup'), { ...before, isInstalled: isInstalling });
    for (const { line, seconds } of walked) console.log(`${line}: ${seconds.toFixed(1)} s`);
    const sum = walked.reduce((total, { seconds }) => total + seconds, 0);
    console.log(
      `A bare machine is whole again after ${sum.toFixed(1)} s${isInstalling ? ' and npm ci' : ', npm ci left out'}.`,
    );
    return [];
  } catch (thrown) {
    return [`bare machine: ${thrown instanceof Error ? thrown.message : String(thrown)}`];
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** A vault with a person, calls and a message, backed up; the vault itself is not there any more. */
async function makeBackup(folders: ReturnType<typeof newFolders>): Promise<Omit<Before, 'isInstalled'>> {
  const { recoveryCode } = await makeVault(folders);
  const audio = tone(MESSAGE_MS);
  await using vault = await openVault(folders);
  const person = {
    caller: LOCAL,
    login: LOGIN,
    name: 'Pat Doe',
    roles: ['admin', 'auditor'] satisfies Role[],
    mailboxes: ['1001'],
  };
  const { token } = await vault.ask('users.invite', person);
  const { totpSecret } = await vault.ask('enrolment.begin', { token, address: ADDRESS });
  const code = new TOTP({ secret: totpSecret }).generate({ timestamp: Date.now() - CODE_MS });
  await vault.ask('enrolment.finish', { token, password: PASSWORD, code, address: ADDRESS });
  for (let call = 0; call < CALLS; call++) await vault.ask('cdr.put', { cdr: sampleCdr() });
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, audio);
  await vault.ask('artifact.close', { artifactId, keep: true });
  await vault.ask('backup.create', { caller: LOCAL, target: join(folders.root, 'backup') });
  const known = { login: LOGIN, password: PASSWORD, totpSecret, recoveryCode };
  return { ...known, lines: readmeLines(), artifactId, audio: Buffer.from(audio).toString('base64') };
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { install: { type: 'boolean', default: false } } });
  const faults = await proveBareMachine(values.install);
  for (const fault of faults) console.log(fault);
  process.exit(faults.length > 0 ? 1 : 0);
}
