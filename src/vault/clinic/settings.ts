// The clinic's settings, its phones' digest secrets and its own spoken prompts: the service half.
import { createHash } from 'node:crypto';
import { WardlineError } from '../../kernel/errors.ts';
import type { Clinic } from '../../model/clinic.ts';
import { type Handlers, WithBody } from '../handlers.ts';
import type { SipCredential } from '../shapes.ts';
import type { VaultCore } from '../store/core.ts';

export const SETTINGS = 'settings';
const CREDENTIALS = 'credentials';
const PROMPTS = 'prompts';
const MAX_PROMPT_BYTES = 6 * 1024 * 1024;

export type SettingsOperation =
  | 'clinic.get'
  | 'clinic.put'
  | 'credentials.list'
  | 'credentials.set'
  | 'prompts.put'
  | 'prompts.get';

export function settingsHandlers(core: VaultCore): Pick<Handlers, SettingsOperation> {
  return { ...clinicHandlers(core), ...credentialHandlers(core), ...promptHandlers(core) };
}

export function getClinic(core: VaultCore): { clinic: Clinic; version: number } {
  const found = core.records.get<Clinic>(SETTINGS, 'clinic');
  if (found === undefined) throw missing();
  return { clinic: found.value, version: found.version };
}

function clinicHandlers(core: VaultCore): Pick<Handlers, 'clinic.get' | 'clinic.put'> {
  return {
    'clinic.get': () => getClinic(core),
    'clinic.put': ({ caller, clinic, summary, passwords = [] }) => {
      const entry = { action: 'settings-imported', ...caller, outcome: 'ok', detail: summary } as const;
      const gone = withoutPhone(core, clinic);
      const version = core.transact(entry, (tx) => {
        for (const username of gone) tx.delete(CREDENTIALS, credentialRow(core, username));
        for (const { username, password } of passwords) {
          tx.put(CREDENTIALS, credentialRow(core, username), makeCredential(core, username, password));
        }
        return tx.put(SETTINGS, 'clinic', clinic);
      });
      core.notify('clinic.changed', { version });
      if (gone.length + passwords.length > 0) core.notify('credentials.changed', {});
      return { version };
    },
  };
}

/** The phones that have a password and are no longer in the clinic. */
function withoutPhone(core: VaultCore, clinic: Clinic): string[] {
  const kept = new Set(clinic.phones.map((phone) => phone.username));
  const known = core.records.list<SipCredential>(CREDENTIALS).map(({ value }) => value.username);
  return known.filter((username) => !kept.has(username));
}

function credentialHandlers(core: VaultCore): Pick<Handlers, 'credentials.list' | 'credentials.set'> {
  return {
    'credentials.list': () => {
      const credentials = core.records.list<SipCredential>(CREDENTIALS).map(({ value }) => value);
      return { realm: realmOf(core), credentials };
    },
    'credentials.set': ({ caller, username, password }) => {
      const entry = { action: 'credential-set', ...caller, outcome: 'ok', subject: username } as const;
      const credential = makeCredential(core, username, password);
      core.transact(entry, (tx) => tx.put(CREDENTIALS, credentialRow(core, username), credential));
      core.notify('credentials.changed', {});
      return {};
    },
  };
}

function credentialRow(core: VaultCore, username: string): string {
  return core.blindRow(CREDENTIALS, username);
}

function makeCredential(core: VaultCore, username: string, password: string): SipCredential {
  const secret = `${username}:${realmOf(core)}:${password}`;
  return { username, ha1Sha256: hash('sha256', secret), ha1Md5: hash('md5', secret) };
}

function promptHandlers(core: VaultCore): Pick<Handlers, 'prompts.put' | 'prompts.get'> {
  return {
    'prompts.put': ({ caller, key }, body) => {
      if (body.length > MAX_PROMPT_BYTES) {
        throw new WardlineError('too-large', 'The prompt is too long to be kept; make its text shorter.');
      }
      const row = core.blindRow(PROMPTS, key);
      const audio = Buffer.from(body).toString('base64');
      const entry = { action: 'prompt-added', ...caller, outcome: 'ok', subject: row } as const;
      core.transact(entry, (tx) => tx.put(PROMPTS, row, { key, audio }));
      return {};
    },
    'prompts.get': ({ key }) => {
      const found = core.records.get<{ audio: string }>(PROMPTS, core.blindRow(PROMPTS, key));
      if (found === undefined) return { found: false };
      return new WithBody({ found: true }, Buffer.from(found.value.audio, 'base64'));
    },
  };
}

function realmOf(core: VaultCore): string {
  const found = core.records.get<{ realm: string }>(SETTINGS, 'realm');
  if (found === undefined) throw missing();
  return found.value.realm;
}

/** RFC 8760 §2.4 and RFC 2617 §3.2.2.2: HA1 of username:realm:password, hex. */
function hash(algorithm: 'sha256' | 'md5', secret: string): string {
  return createHash(algorithm).update(secret, 'utf8').digest('hex');
}

function missing(): WardlineError {
  return new WardlineError('vault-damaged', 'The vault holds no settings; restore it from a backup.');
}
