// The `wardline` command: reads the sub-command, runs it, prints one sentence and exits 1 when it fails.
import { Command } from 'commander';
import { sentenceOf } from '../kernel/errors.ts';
import { closeQuestions } from './ask.ts';

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

/** A command loads what it needs and nothing of the others, which keeps it quick; `--help` loads them all. */
const COMMANDS: readonly { readonly names: readonly string[]; readonly load: () => Promise<(to: Command) => void> }[] =
  [
    { names: ['init'], load: async () => (await import('./commands/init.ts')).addInitCommand },
    { names: ['start'], load: async () => (await import('./commands/start.ts')).addStartCommand },
    { names: ['import', 'export'], load: async () => (await import('./commands/import.ts')).addImportCommands },
    { names: ['user'], load: async () => (await import('./commands/user.ts')).addUserCommands },
    { names: ['extension'], load: async () => (await import('./commands/extension.ts')).addExtensionCommands },
    { names: ['call'], load: async () => (await import('./commands/call.ts')).addCallCommands },
    { names: ['voicemail'], load: async () => (await import('./commands/voicemail.ts')).addVoicemailCommands },
    { names: ['recording'], load: async () => (await import('./commands/recording.ts')).addRecordingCommands },
    { names: ['search'], load: async () => (await import('./commands/search.ts')).addSearchCommand },
    { names: ['audit'], load: async () => (await import('./commands/audit.ts')).addAuditCommands },
    { names: ['vault'], load: async () => (await import('./commands/vault.ts')).addVaultCommands },
    {
      names: ['backup', 'restore', 'drill'],
      load: async () => (await import('./commands/backup.ts')).addBackupCommands,
    },
    { names: ['sip'], load: async () => (await import('./commands/sip.ts')).addSipCommands },
    { names: ['media'], load: async () => (await import('./commands/media.ts')).addMediaCommands },
    { names: ['edge'], load: async () => (await import('./commands/edge.ts')).addEdgeCommand },
    { names: ['media-server'], load: async () => (await import('./commands/media-server.ts')).addMediaServerCommand },
    { names: ['paths'], load: async () => (await import('./commands/paths.ts')).addPathsCommand },
    { names: ['doctor'], load: async () => (await import('./commands/doctor.ts')).addDoctorCommand },
  ];

const asked = COMMANDS.filter(({ names }) => names.includes(process.argv[2] ?? ''));
for (const { load } of asked.length > 0 ? asked : COMMANDS) (await load())(program);

try {
  await program.parseAsync();
} catch (thrown) {
  process.stderr.write(`wardline: ${sentenceOf(thrown)}\n`);
  process.exitCode = 1;
} finally {
  closeQuestions();
}
