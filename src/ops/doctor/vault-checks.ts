// What `doctor` asks the vault: whether it is backed up and tried, what disposed keys lie where, and whether its memory stays off the disk.
import type { Vault } from '../../vault/contract.ts';
import type { Check } from './checks.ts';
import { verdicts } from './checks.ts';

const { ok, warning, problem } = verdicts;

export async function backupChecks(vault: Vault): Promise<Check[]> {
  const [{ targets }, { last, everyDays }] = await Promise.all([
    vault.ask('backup.status', {}),
    vault.ask('drill.get', {}),
  ]);
  if (targets.length === 0) {
    const remedy = '`wardline backup create <folder on another disk>` begins, and goes on daily by itself.';
    return [warning('backup', `Nothing is backed up: a broken disk would take everything. ${remedy}`)];
  }
  const held = targets.filter(({ holdsDisposed }) => holdsDisposed > 0);
  const names = held.map(({ path, holdsDisposed }) => `${path} (${holdsDisposed})`).join(', ');
  return [
    ok('backup', `${targets.length} ${targets.length === 1 ? 'target is' : 'targets are'} written daily.`),
    held.length === 0
      ? ok('disposal', 'No backup holds the keys of what was disposed of.')
      : warning(
          'disposal',
          `Keys of what was disposed of are still in ${names}; connect those disks and run \`wardline backup create\`, or destroy them.`,
        ),
    drillCheck(last?.problems, everyDays),
  ];
}

function drillCheck(problems: readonly string[] | undefined, everyDays: number | null): Check {
  if (problems === undefined) return warning('drill', 'No backup was tried yet; run `wardline drill`.');
  if (problems.length > 0)
    return problem('drill', `The last drill failed: ${problems[0]} Mend that and run \`wardline drill\`.`);
  const rhythm = everyDays === null ? 'by command alone' : `every ${everyDays} days`;
  return ok('drill', `The last one opened everything; they are held ${rhythm}.`);
}

export async function memoryChecks(vault: Vault): Promise<Check[]> {
  const { swappedKb, coreLimit, hasReports } = await vault.ask('memory', {});
  return [
    swappedKb === 0
      ? ok('vault memory', 'Nothing of the process that holds the keys is in swap.')
      : problem(
          'vault memory',
          `${swappedKb} kB of the process that holds the keys are in swap; run swapoff -a and rotate the root (\`wardline vault slot rotate --all\`).`,
        ),
    coreLimit === '0'
      ? ok('vault core dumps', 'The process that holds the keys leaves no core file.')
      : problem(
          'vault core dumps',
          'A crash of the process that holds the keys would write them to a core file; start it by `wardline start`, or set LimitCORE=0.',
        ),
    ...(hasReports
      ? [problem('vault reports', "Node's diagnostic reports are on; take --report options out of NODE_OPTIONS.")]
      : []),
  ];
}
