// Runs every check of `doctor`: the machine's, then those that need the vault, then the ports.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Bootstrap } from '../../config/bootstrap.ts';
import { certificateNames } from '../../config/bootstrap.ts';
import type { Json } from '../../kernel/canonical.ts';
import type { Clock } from '../../kernel/clock.ts';
import { sentenceOf } from '../../kernel/errors.ts';
import { isIP } from '../../kernel/ip.ts';
import type { Vault } from '../../vault/contract.ts';
import type { Check } from './checks.ts';
import { machineChecks, verdicts } from './checks.ts';
import { mediaChecks } from './media-checks.ts';
import { checkPorts } from './ports.ts';
import { backupChecks, memoryChecks } from './vault-checks.ts';

export interface DoctorOptions {
  readonly bootstrap: Bootstrap;
  readonly runtimeFolder: string;
  readonly clock: Clock;
  /** The running media server's; rejects when there is none of ours. */
  readonly mediaStatus: () => Promise<Json>;
  readonly openVault: () => Promise<Vault & AsyncDisposable & { readonly isRunning: boolean }>;
}

const { ok, warning, problem } = verdicts;
const DAY_MS = 86_400_000;
/** A head leaves every 1,000 entries. */
const MOST_UNCOVERED = 2_000;
const EXPIRES_SOON_DAYS = 30;
/** A leaf is good for 397 days and must end before its CA. */
const CA_ENDS_SOON_DAYS = 400;

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
  // With FreeSWITCH in its place there is nothing to ask here.
  const media = isRunning ? await options.mediaStatus().then(mediaChecks, () => []) : [];
  return [...checks, ...media, ...(await checkPorts(options.bootstrap, isRunning))];
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
    ...(await certificateChecks(vault, bootstrap, clock)),
    clinic.trunks.some((trunk) => trunk.isSample)
      ? problem(
          'sample trunk',
          "The sample clinic's loopback trunk is still there; `wardline import` of your own clinic removes it.",
        )
      : ok('sample trunk', 'No sample trunk is there.'),
    checkHeads(bootstrap, status.auditSequence, clock),
    ...(await backupChecks(vault)),
    ...(vault.isRunning ? await memoryChecks(vault) : []),
  ];
}

const RENEWAL = 'the vault makes a new one at each start within the last 60 days';

async function certificateChecks(vault: Vault, bootstrap: Bootstrap, clock: Clock): Promise<Check[]> {
  const names = ['sip', 'console'] as const;
  const leaves = names.map(async (name) => {
    const { certificate } = await vault.ask('tls.get', { name });
    return checkLeaf(`certificate ${name}`, new X509Certificate(certificate), bootstrap, clock);
  });
  const { ca } = await vault.ask('tls.get', { name: 'sip' });
  return [...(await Promise.all(leaves)), checkCa(new X509Certificate(ca), clock)];
}

export function checkLeaf(title: string, leaf: X509Certificate, bootstrap: Bootstrap, clock: Clock): Check {
  const days = daysLeft(leaf, clock);
  if (days < 0) {
    return problem(title, `It has expired; phones and browsers refuse it. Restart the appliance: ${RENEWAL}.`);
  }
  const { hostName, addresses } = certificateNames(bootstrap);
  const missing = [
    ...(isNamed(leaf, hostName) ? [] : [hostName]),
    ...addresses.filter((address) => !isNamed(leaf, address)),
  ];
  if (missing.length > 0) {
    const sentence = `It does not name ${missing.join(' and ')}, as the bootstrap file does; restart the appliance, which makes a new one.`;
    return problem(title, sentence);
  }
  return days < EXPIRES_SOON_DAYS
    ? warning(title, `It expires in ${days} days; restart the appliance: ${RENEWAL}.`)
    : ok(title, `It is good for ${days} days.`);
}

function isNamed(leaf: X509Certificate, name: string): boolean {
  return (isIP(name) === 0 ? leaf.checkHost(name) : leaf.checkIP(name)) !== undefined;
}

function checkCa(ca: X509Certificate, clock: Clock): Check {
  const days = daysLeft(ca, clock);
  if (days >= CA_ENDS_SOON_DAYS) return ok('private CA', `It is good for ${days} days.`);
  return warning(
    'private CA',
    `It ends in ${days} days, and every phone trusts it; plan a new vault and put its CA into the phones before that.`,
  );
}

function daysLeft(certificate: X509Certificate, clock: Clock): number {
  return Math.floor((certificate.validToDate.getTime() - clock.now()) / DAY_MS);
}

/** What is newer than the last head that left could be cut off by root unseen; this says how much that is. */
function checkHeads({ headsFile }: Bootstrap, sequence: number, clock: Clock): Check {
  if (!existsSync(headsFile)) return warning('audit heads', `No signed head has been written to ${headsFile} yet.`);
  const newest = newestHead(readFileSync(headsFile, 'utf8'));
  if (newest === undefined) {
    return problem(
      'audit heads',
      `The last line of ${headsFile} is no head; keep the file, and restart the appliance.`,
    );
  }
  const newer = Math.max(0, sequence - newest.sequence);
  const minutes = Math.max(0, Math.round((clock.now() - newest.at) / 60_000));
  const window = `${newer} ${newer === 1 ? 'entry is' : 'entries are'} newer than the last head in ${headsFile}, which left ${minutes} minutes ago: root could cut them off unseen`;
  return newer > MOST_UNCOVERED
    ? problem('audit heads', `${window}; see why no head is written, and restart the appliance.`)
    : ok('audit heads', `${window}; copy that file off this machine regularly.`);
}

function newestHead(heads: string): { sequence: number; at: number } | undefined {
  try {
    const { sequence, at } = JSON.parse(heads.trimEnd().split('\n').at(-1) ?? '') as { sequence?: number; at?: number };
    return typeof sequence === 'number' && typeof at === 'number' ? { sequence, at } : undefined;
  } catch {
    return undefined;
  }
}
