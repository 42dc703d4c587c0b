// The very first start: the vault, its keys and certificates, the sample clinic, and a one-time link for the first administrator.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bootstrap } from '../config/bootstrap.ts';
import { certificateNames, consoleUrl } from '../config/bootstrap.ts';
import type { Clock } from '../kernel/clock.ts';
import { WardlineError } from '../kernel/errors.ts';
import type { Clinic } from '../model/clinic.ts';
import { parseClinicYaml } from '../model/parse-clinic.ts';
import { createVault, hasVault } from '../vault/create.ts';
import { openLocalVault } from '../vault/local-vault.ts';
import type { Caller } from '../vault/shapes.ts';

/** What the first start makes that nobody can look up later. */
export interface FirstStartSecrets {
  readonly recoveryCode: string;
  readonly enrolmentLink: string;
}

export interface FirstStartOptions {
  readonly bootstrap: Bootstrap;
  /** The checkout's `config` folder. */
  readonly configFolder: string;
  readonly spoolFolder: string;
  readonly clock: Clock;
  readonly caller: Caller;
}

/** Makes the vault with the sample clinic in it; undefined when there is one already. */
export async function firstStart(options: FirstStartOptions): Promise<FirstStartSecrets | undefined> {
  const { bootstrap, clock, caller, spoolFolder } = options;
  if (hasVault(bootstrap.dataFolder)) return undefined;
  const { dataFolder, keyFile, headsFile, hostName } = bootstrap;
  const { recoveryCode } = await createVault({
    dataFolder,
    keyFile,
    headsFile,
    clock,
    ...certificateNames(bootstrap),
    realm: hostName,
    clinic: readSampleClinic(options.configFolder),
  });
  await using vault = await openLocalVault({ dataFolder, keyFile, headsFile, spoolFolder, clock });
  const { token } = await vault.ask('users.invite', {
    caller,
    login: 'admin',
    name: 'First administrator',
    roles: ['admin', 'auditor'],
    mailboxes: [],
  });
  return { recoveryCode, enrolmentLink: `${consoleUrl(bootstrap)}/enrol#${token}` };
}

function readSampleClinic(configFolder: string): Clinic {
  const parsed = parseClinicYaml(readFileSync(join(configFolder, 'sample-clinic.yaml'), 'utf8'));
  if ('clinic' in parsed) return parsed.clinic;
  throw new WardlineError(
    'sample-clinic-invalid',
    `The sample clinic that came with Wardline is damaged: ${parsed.problems[0]?.message}`,
  );
}
