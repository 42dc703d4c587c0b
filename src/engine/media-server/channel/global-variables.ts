// Variables of the whole server, as FreeSWITCH names them: what `${name}` means where a call has none of that name.
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import type { MediaHost } from '../host/host.ts';
import { HOST_NAME } from '../host/identity.ts';

const MAX_GLOBALS = 1_024;
const MAX_GLOBAL_LENGTH = 64 * 1024;

const VALUES: Readonly<Record<string, (host: MediaHost) => string>> = {
  local_ip_v4: ({ address }) => address,
  domain: ({ address }) => address,
  core_uuid: ({ coreUuid }) => coreUuid,
  hostname: () => HOST_NAME,
  sound_prefix: ({ soundsFolder }) => soundsFolder,
  sounds_dir: ({ soundsFolder }) => soundsFolder,
  // Where the server was started.
  base_dir: () => resolve('.'),
  recordings_dir: () => resolve('recordings'),
  temp_dir: tmpdir,
};

export function globalVariable(name: string, host: MediaHost): string | undefined {
  return host.globals.get(name) ?? (Object.hasOwn(VALUES, name) ? VALUES[name]?.(host) : undefined);
}

/** `global_setvar`: an empty value gives the server's own back. */
export function setGlobalVariable(name: string, value: string, { globals }: MediaHost): void {
  if (value === '') globals.delete(name);
  else if (globals.has(name) || globals.size < MAX_GLOBALS) globals.set(name, value.slice(0, MAX_GLOBAL_LENGTH));
}
