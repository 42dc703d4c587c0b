// `wardline extension`: adds one with a phone and a mailbox, lists them, and prints a phone's SIP settings once.
import { randomInt } from 'node:crypto';
import type { Command } from 'commander';
import { WardlineError } from '../../kernel/errors.ts';
import type { Clinic, ExtensionNumber } from '../../model/clinic.ts';
import { withExtension } from '../../ops/import-clinic.ts';
import type { PhonePassword } from '../../vault/shapes.ts';
import type { CliContext, CliVault } from '../context.ts';
import { openContext, openVault } from '../context.ts';
import { show, table } from '../print.ts';

const PASSWORD_ALPHABET = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const PASSWORD_LENGTH = 24;
const DEFAULT_RING_SECONDS = 20;
const DEFAULT_MESSAGE_SECONDS = 180;

export function addExtensionCommands(program: Command): void {
  const extension = program.command('extension').description('Extensions and the SIP settings of their phones.');
  extension
    .command('add <number>')
    .description("Add an extension with a phone and a mailbox, and print the phone's SIP settings once.")
    .requiredOption('--name <name>', 'who or what answers it')
    .option('--json', 'print JSON')
    .action(add);
  extension
    .command('phone <username>')
    .description(
      "Give a phone a new password and print its SIP settings once. Its user name is the extension's number unless the clinic says otherwise.",
    )
    .option('--json', 'print JSON')
    .action(phone);
  extension.command('list').description('List the extensions.').option('--json', 'print JSON').action(list);
}

async function add(number: string, options: { name: string; json?: boolean }): Promise<void> {
  if (!/^\d{2,6}$/.test(number))
    throw new WardlineError('extension-invalid', `'${number}' is no extension; use 2 to 6 digits.`);
  const context = openContext();
  await using vault = await openVault(context);
  const { clinic } = await vault.ask('clinic.get', {});
  const extension = number as ExtensionNumber;
  const next = withExtension(clinic, {
    extensions: [
      {
        number: extension,
        name: options.name,
        ringSeconds: DEFAULT_RING_SECONDS,
        onNoAnswer: { to: 'mailbox', number: extension },
        isRecorded: false,
      },
    ],
    phones: [{ username: number, extension, label: options.name }],
    mailboxes: [{ number: extension, name: options.name, maxSeconds: DEFAULT_MESSAGE_SECONDS }],
  });
  const password = makePassword();
  await vault.ask('clinic.put', {
    caller: context.caller,
    clinic: next,
    summary: `extension ${number} added`,
    passwords: [{ username: number, password }],
  });
  await printSettings(context, vault, next, { username: number, password }, options.json);
}

async function phone(username: string, options: { json?: boolean }): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const { clinic } = await vault.ask('clinic.get', {});
  if (!clinic.phones.some((each) => each.username === username)) {
    throw new WardlineError(
      'phone-unknown',
      `No phone has the user name ${username}; see \`wardline extension list\`.`,
    );
  }
  const password = makePassword();
  await vault.ask('credentials.set', { caller: context.caller, username, password });
  await printSettings(context, vault, clinic, { username, password }, options.json);
}

async function printSettings(
  context: CliContext,
  vault: CliVault,
  clinic: Clinic,
  { username, password }: PhonePassword,
  json: boolean | undefined,
): Promise<void> {
  const { realm } = await vault.ask('credentials.list', {});
  const { hostName, address, listeners } = context.bootstrap;
  const port = listeners.find((listener) => listener.name === 'phones')?.port;
  const settings = {
    username,
    password,
    realm,
    server: hostName,
    port,
    transport: 'TLS',
    media: 'SRTP (SDES), required',
    voicemail: clinic.voicemailNumber,
  };
  show(json, settings, () =>
    [
      `SIP settings of phone ${username}, shown this once:`,
      '',
      `  Server       ${hostName}, port ${port}, transport TLS`,
      `  User name    ${username}`,
      `  Password     ${password}`,
      `  Encryption   SRTP required (SDES); the phone must trust the CA: wardline vault ca > wardline-ca.pem`,
      `  Voicemail    ${clinic.voicemailNumber}`,
      '',
      '  baresip account line:',
      `  ${baresipAccount(username, password, `${address}:${port};transport=tls`)}`,
    ].join('\n'),
  );
}

/** By address, since baresip asks DNS alone for names; with `outbound`, since its SUBSCRIBE would go over UDP otherwise. */
function baresipAccount(username: string, password: string, server: string): string {
  const login = `auth_user=${username};auth_pass=${password}`;
  return `<sip:${username}@${server}>;outbound="sip:${server}";${login};mediaenc=srtp-mand;audio_codecs=pcmu`;
}

async function list(options: { json?: boolean }): Promise<void> {
  await using vault = await openVault(openContext());
  const { clinic } = await vault.ask('clinic.get', {});
  const { credentials } = await vault.ask('credentials.list', {});
  const { bindings } = await vault.ask('bindings.list', {});
  const rows = clinic.phones.map((each) => ({
    number: each.extension,
    name: clinic.extensions.find((extension) => extension.number === each.extension)?.name ?? '',
    phone: each.username,
    password: credentials.some((credential) => credential.username === each.username) ? 'set' : 'none yet',
    contacts: bindings.filter((binding) => binding.username === each.username).length,
  }));
  show(options.json, rows, () =>
    table(rows, [
      { title: 'Extension', value: (row) => row.number },
      { title: 'Name', value: (row) => row.name, shrinks: true },
      { title: 'Phone', value: (row) => row.phone },
      { title: 'Password', value: (row) => row.password },
      { title: 'Registered', value: (row) => (row.contacts === 0 ? 'no' : String(row.contacts)) },
    ]),
  );
}

function makePassword(): string {
  return Array.from({ length: PASSWORD_LENGTH }, () => PASSWORD_ALPHABET[randomInt(PASSWORD_ALPHABET.length)]).join('');
}
