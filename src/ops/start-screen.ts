// What a person sees at start: once, the secrets of the first start; always, where the appliance is reached.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Bootstrap } from '../config/bootstrap.ts';
import type { FirstStartSecrets } from './first-start.ts';
import type { Running } from './supervisor.ts';

export interface StartScreen {
  readonly bootstrap: Bootstrap;
  readonly running: Running;
  readonly warnings: readonly string[];
  /** Where the first start's secrets are, when this is the first start. */
  readonly first?: 'above' | 'in-file';
}

/** The screen as text. It holds no secret. */
export function startScreen({ bootstrap, running: { listeners, consoleUrl }, warnings, first }: StartScreen): string {
  const at = (name: string, transport: string) =>
    listeners.find((l) => l.name === name && l.transport === transport)?.port;
  const lines = [
    '',
    'Wardline is running.',
    '',
    `  Console    ${consoleUrl}`,
    `  Phones     SIP over TLS, ${bootstrap.hostName}:${at('phones', 'tls')} (audio encrypted, SRTP required)`,
    ...(at('phones', 'wss') === undefined
      ? []
      : [`  Browsers   SIP over WebSocket, wss://${bootstrap.hostName}:${at('phones', 'wss')}`]),
    `  Carriers   UDP ${bootstrap.address}:${at('carrier', 'udp')}, TCP ${bootstrap.address}:${at('carrier', 'tcp')} (from a trunk's own addresses alone)`,
    `  Data       ${bootstrap.dataFolder}`,
    `  Key        ${bootstrap.keyFile}`,
    ...warnings.map((warning) => `  Note       ${warning}`),
    '',
    ...nextSteps(first),
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * The text that tells the secrets of the first start: themselves when a terminal shows it, else the name of the file
 * of mode 0600 beside the key file that they were written to. To be shown before anything else can fail.
 */
export function firstStartNotice(bootstrap: Bootstrap, secrets: FirstStartSecrets, isTerminal: boolean): string {
  const lines = [
    '',
    'This is the first start. These are shown once:',
    '',
    `  Recovery code        ${secrets.recoveryCode}`,
    '                       Write it on paper: it opens the vault when every key is lost.',
    `  First administrator  ${secrets.enrolmentLink}`,
    '                       Open it within 24 hours to set a password and a second factor.',
    '',
  ];
  if (isTerminal) return lines.join('\n');
  mkdirSync(dirname(bootstrap.firstSecretsFile), { recursive: true, mode: 0o700 });
  writeFileSync(bootstrap.firstSecretsFile, `${lines.join('\n')}\n`, { mode: 0o600, flag: 'wx' });
  return `\nThis is the first start. Its secrets are in ${bootstrap.firstSecretsFile}; keep them elsewhere and delete that file.\n`;
}

function nextSteps(first: StartScreen['first']): string[] {
  const link = first === 'above' ? 'the link above' : 'the link in that file';
  return [
    ...(first === undefined
      ? []
      : [`  Next: open ${link}, then \`npm run demo\` in a second terminal leaves a message through the menu.`]),
    '  A phone: `scripts/wardline extension phone 1001` prints its settings. Everything: `scripts/wardline --help`.',
    '  Ctrl-C waits for calls to end and stops; Ctrl-C again stops at once.',
  ];
}
