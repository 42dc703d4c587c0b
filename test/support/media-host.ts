// What the parts of a media server stand on, for unit tests: a clock that is moved, seeded randomness, no log.
import type { MediaHost } from '../../src/engine/media-server/host.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { createLogger } from '../../src/kernel/logger.ts';
import { seeded } from './seeded.ts';

export function mediaHost(clock: Clock, parts: Partial<MediaHost> = {}): MediaHost {
  return {
    clock,
    random: seeded(7).bytes,
    logger: createLogger({ role: 'media', level: 'silent' }),
    soundsFolder: '/nowhere',
    spoolFolder: undefined,
    intake: undefined,
    supervise: (work) => void work,
    codecs: ['PCMU', 'PCMA'],
    quirks: {},
    coreUuid: 'core',
    address: '127.0.0.1',
    ...parts,
  };
}
