// Runs every check of `doctor`: the machine's, then those that need the vault, then the ports.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Bootstrap } from '../../config/bootstrap.ts';
import type { Clock } from '../../kernel/clock.ts';
import { sentenceOf } from '../../kernel/errors.ts';
import type { Vault } from '../../vault/contract.ts';
import type { Check } from './checks.ts';
import { machineChecks, verdicts } from './checks.ts';
import { checkPorts } from './ports.ts';

export interface DoctorOptions {
  readonly bootstrap: Bootstrap;
  readonly runtimeFolder: string;
  readonly clock: Clock;
  readonly openVault: () => Promise<Vault & AsyncDisposable & { readonly isRunning: boolean }>;
}

const { ok, warning, problem } = verdicts;
const DAY_MS = 86_400_000;
const EXPIRES_SOON_DAYS = 30;

export async function runDoctor(options: DoctorOptions): Promise<Check[]> {
  const checks = machineChecks(options.bootstrap, options.runtimeFolder);
  let isRunning = false;
  try {
    await using vault = await options.openVault();
    isRunning = vault.isRunning;
    checks.push(...(await vaultChecks(vault, options)));
  } catch (thrown) {
    checks.push(problem('vault', sentenceOf(thrown)));
  }
  return [...checks, ...(await checkPorts(options.bootstrap, isRunning))];
}

async function vaultChecks(
  vault: Vault & { isRunning: boolean },
  { bootstrap, clock }: DoctorOptions,
): Promise<Check[]> {
  const [status, { clinic }] = await Promise.all([vault.ask('status', {}), vault.ask('clinic.get', {})]);
  return [
    vault.isRunning
      ? ok('appliance', 'It is running.')
      : warning('appliance', 'It is not running; start it with `wardline start`.'),
    ...(status.problems.length === 0
      ? [ok('vault', 'The check at start found nothing wrong.')]
      : status.problems.map((text) => problem('vault', text))),
    status.records === 'unlocked'
      ? ok('records', 'The records are open.')
      : warning('records', 'The records are locked; `wardline vault unlock` opens them.'),
    ...(await certificateChecks(vault, clock)),
    clinic.trunks.some((trunk) => trunk.isSample)
      ? problem(
          'sample trunk',
          "The sample clinic's loopback trunk is still there; `wardline import` of your own clinic removes it.",
        )
      : ok('sample trunk', 'No sample trunk is there.'),
    checkHeads(bootstrap, status.auditSequence),
  ];
}

async function certificateChecks(vault: Vault, clock: Clock): Promise<Check[]> {
  const names = ['sip', 'console'] as const;
  return Promise.all(
    names.map(async (name) => {
      const { certificate } = await vault.ask('tls.get', { name });
      const days = Math.floor((new X509Certificate(certificate).validToDate.getTime() - clock.now()) / DAY_MS);
      const title = `certificate ${name}`;
      if (days < 0)
        return problem(
          title,
          'It has expired; phones and browsers refuse it. Renew it with `wardline init` on a new folder, or ask support.',
        );
      return days < EXPIRES_SOON_DAYS
        ? warning(title, `It expires in ${days} days.`)
        : ok(title, `It is good for ${days} days.`);
    }),
  );
}

/** What is newer than the last head that left could be cut off by root unseen; this says how much that is. */
function checkHeads({ headsFile }: Bootstrap, sequence: number): Check {
  if (!existsSync(headsFile)) return warning('audit heads', `No signed head has been written to ${headsFile} yet.`);
  const last = readFileSync(headsFile, 'utf8').trimEnd().split('\n').at(-1) ?? '{}';
  const covered = Number((JSON.parse(last) as { sequence?: number }).sequence ?? 0);
  return ok(
    'audit heads',
    `${Math.max(0, sequence - covered)} entries are newer than the last head that left; copy ${headsFile} off this machine regularly.`,
  );
}
