// `wardline doctor`: looks at this machine and the appliance, one line a check; exit code 1 when something must be mended.
import type { Command } from 'commander';
import { runDoctor } from '../../ops/doctor/doctor.ts';
import { connectProcess, openContext, openVault } from '../context.ts';
import { show } from '../print.ts';

const MARKS = { ok: 'ok      ', warning: 'warning ', problem: 'PROBLEM ' } as const;

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description(
      'Check ports, clock, certificates, spool, swap, key file, disk, trunks and the trail. Exit code 1 when something must be mended.',
    )
    .option('--json', 'print JSON')
    .action(doctor);
}

async function doctor(options: { json?: boolean }): Promise<void> {
  const context = openContext();
  const { bootstrap, runtimeFolder, clock } = context;
  const mediaStatus = async () => {
    using media = connectProcess(context, 'media');
    return (await media.request('status')).payload;
  };
  const checks = await runDoctor({
    bootstrap,
    runtimeFolder,
    clock,
    mediaStatus,
    openVault: () => openVault(openContext()),
  });
  show(options.json, checks, () =>
    checks.map(({ name, verdict, sentence }) => `${MARKS[verdict]}${name}: ${sentence}`).join('\n'),
  );
  if (checks.some((check) => check.verdict === 'problem')) process.exitCode = 1;
}
