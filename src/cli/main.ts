// The `wardline` command: reads the sub-command, runs it, prints one sentence and exits 1 when it fails.
import { Command } from 'commander';
import { sentenceOf } from '../kernel/errors.ts';
import { closeQuestions } from './ask.ts';
import { addAuditCommands } from './commands/audit.ts';
import { addBackupCommands } from './commands/backup.ts';
import { addCallCommands } from './commands/call.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addEdgeCommand } from './commands/edge.ts';
import { addExtensionCommands } from './commands/extension.ts';
import { addImportCommands } from './commands/import.ts';
import { addInitCommand } from './commands/init.ts';
import { addMediaCommands } from './commands/media.ts';
import { addMediaServerCommand } from './commands/media-server.ts';
import { addPathsCommand } from './commands/paths.ts';
import { addRecordingCommands } from './commands/recording.ts';
import { addSearchCommand } from './commands/search.ts';
import { addSipCommands } from './commands/sip.ts';
import { addStartCommand } from './commands/start.ts';
import { addUserCommands } from './commands/user.ts';
import { addVaultCommands } from './commands/vault.ts';
import { addVoicemailCommands } from './commands/voicemail.ts';

const program = new Command('wardline')
  .description('Wardline, a telephone system that a clinic owns.')
  .version('0.1.0')
  .showHelpAfterError('(add --help for the options)')
  .addHelpText(
    'after',
    `
A clinic's first day:
  wardline init                             make the vault; keep the recovery code that it shows
  wardline start                            run the appliance (same as npm start)
  wardline import my-clinic.yaml            load your clinic; config/clinic-template.yaml is the form to fill in
  wardline extension phone 1001             a phone's SIP settings, shown once
  wardline user invite pat --name "Pat Doe" an enrolment link for a person
  wardline doctor                           check this machine

The appliance's folder is ./var of the checkout, or the one that WARDLINE_VAR names.`,
  );

for (const add of [
  addInitCommand,
  addStartCommand,
  addImportCommands,
  addUserCommands,
  addExtensionCommands,
  addCallCommands,
  addVoicemailCommands,
  addRecordingCommands,
  addSearchCommand,
  addAuditCommands,
  addVaultCommands,
  addBackupCommands,
  addSipCommands,
  addMediaCommands,
  addEdgeCommand,
  addMediaServerCommand,
  addPathsCommand,
  addDoctorCommand,
]) {
  add(program);
}

try {
  await program.parseAsync();
} catch (thrown) {
  process.stderr.write(`wardline: ${sentenceOf(thrown)}\n`);
  process.exitCode = 1;
} finally {
  closeQuestions();
}
