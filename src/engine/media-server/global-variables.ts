// Variables of the whole server, as FreeSWITCH names them: what `${name}` means where a call has none of that name.
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import type { MediaHost } from './host.ts';

const VALUES: Readonly<Record<string, (host: MediaHost) => string>> = {
  local_ip_v4: ({ address }) => address,
  domain: ({ address }) => address,
  core_uuid: ({ coreUuid }) => coreUuid,
  hostname: () => 'wardline',
  sound_prefix: ({ soundsFolder }) => soundsFolder,
  sounds_dir: ({ soundsFolder }) => soundsFolder,
  // Where the server was started.
  base_dir: () => resolve('.'),
  recordings_dir: () => resolve('recordings'),
  temp_dir: tmpdir,
};

export function globalVariable(name: string, host: MediaHost): string | undefined {
  return Object.hasOwn(VALUES, name) ? VALUES[name]?.(host) : undefined;
}
