// What the parts of a media server stand on, for unit tests: a clock that is moved, seeded randomness, no log.
import { Consoles } from '../../src/engine/media-server/host/consoles.ts';
import type { MediaHost } from '../../src/engine/media-server/host/host.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { createLogger } from '../../src/kernel/logger.ts';
import { createDtlsIdentity } from '../../src/protocol/dtls/identity.ts';
import { seeded } from './seeded.ts';

export function mediaHost(clock: Clock, parts: Partial<MediaHost> = {}): MediaHost {
  return {
    clock,
    random: seeded(7).bytes,
    logger: createLogger({ role: 'media', level: 'silent' }),
    consoles: new Consoles(clock),
    warnSeldom: () => undefined,
    soundsFolder: '/nowhere',
    wordsFolder: undefined,
    spoolFolder: undefined,
    intake: undefined,
    supervise: (work) => void work,
    codecs: ['PCMU', 'PCMA'],
    dtlsIdentity: createDtlsIdentity(clock.now(), new Uint8Array(8)),
    allowsUnicast: false,
    globals: new Map(),
    quirks: {},
    coreUuid: 'core',
    address: '127.0.0.1',
    ...parts,
  };
}
