// `wardline init`: the bootstrap file, the vault, the certificates and the sample clinic, without starting anything.
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Bootstrap } from '../../config/bootstrap.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { firstStart } from '../../ops/first-start.ts';
import { firstStartNotice } from '../../ops/start-screen.ts';
import { openContext } from '../context.ts';
import { show } from '../print.ts';

interface Options {
  readonly address?: string;
  readonly hostName?: string;
  readonly json?: boolean;
}

export function addInitCommand(program: Command): void {
  program
    .command('init')
    .description('Make the vault with its recovery code, certificates and the sample clinic.')
    .option(
      '--address <ip>',
      "the clinic network's address of this machine, for phones and carriers (default 127.0.0.1)",
    )
    .option('--host-name <name>', 'the name in certificates and in the console address (default localhost)')
    .option('--json', 'print JSON; the secrets go into the file that it names')
    .action(init);
}

async function init(options: Options): Promise<void> {
  if (options.address !== undefined) process.env.WARDLINE_ADDRESS = options.address;
  if (options.hostName !== undefined) process.env.WARDLINE_HOST_NAME = options.hostName;
  const { bootstrap, checkout, runtimeFolder, clock, caller } = openContext('write');
  refuseOther(bootstrap, options);
  const secrets = await firstStart({
    bootstrap,
    configFolder: join(checkout, 'config'),
    spoolFolder: join(runtimeFolder, 'spool'),
    clock,
    caller,
  });
  if (secrets === undefined) {
    throw new WardlineError(
      'vault-exists',
      `There is a vault in ${bootstrap.dataFolder} already; nothing was changed.`,
    );
  }
  const notice = firstStartNotice(bootstrap, secrets, process.stdout.isTTY === true && !options.json);
  const made = { bootstrap: bootstrap.file, data: bootstrap.dataFolder, key: bootstrap.keyFile };
  show(
    options.json,
    { ...made, secrets: bootstrap.firstSecretsFile },
    () => `${notice}\nThe vault is in ${made.data}. Next: wardline start`,
  );
}

/** A bootstrap file that was there before is the truth; an option that says otherwise would be lost unseen. */
function refuseOther({ file, address, hostName }: Bootstrap, options: Options): void {
  const isOther =
    (options.address ?? address) !== address || (options.hostName ?? hostName).toLowerCase() !== hostName.toLowerCase();
  if (!isOther) return;
  throw new WardlineError(
    'bootstrap-exists',
    `${file} was there before and says host-name ${hostName}, address ${address}; change it there, then run \`wardline init\` without these options.`,
  );
}
