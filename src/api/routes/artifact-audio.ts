// GET /api/artifacts/:id/audio: the sound as WAV, whole or in ranges, streamed out of the vault; one playback is one audit entry.
import { Readable } from 'node:stream';
import { WardlineError } from '../../kernel/errors.ts';
import type { App } from '../app.ts';
import { getHearable } from '../artifact-access.ts';
import { parseRange } from '../audio/range.ts';
import { wavRange } from '../audio/stream.ts';
import { wavBytes } from '../audio/wav.ts';
import type { ApiContext } from '../context.ts';
import { ArtifactParams } from '../schemas.ts';

export function addArtifactAudio(app: App, context: ApiContext): void {
  const { vault } = context;
  app.get('/api/artifacts/:id/audio', { schema: { params: ArtifactParams } }, async (request, reply) => {
    const { id, hearing, visit } = await getHearable(context, request);
    const { caller } = visit;
    const play = !hearing.isAudited;
    const shape = await vault.ask('artifact.audio', { caller, artifactId: id, fromSample: 0, samples: 1, play });
    hearing.isAudited = true;

    const total = wavBytes(shape);
    const asked = parseRange(request.headers.range, total);
    reply.header('accept-ranges', 'bytes').type('audio/wav');
    if (asked === 'unsatisfiable') {
      reply.header('content-range', `bytes */${total}`).type('application/json');
      throw new WardlineError('range-unsatisfiable', 'The message ends before the place that was asked for.');
    }
    const range = asked === 'whole' ? { first: 0, last: total - 1 } : asked;
    if (asked !== 'whole') reply.status(206).header('content-range', `bytes ${range.first}-${range.last}/${total}`);
    reply.header('content-length', range.last - range.first + 1);
    const source = { vault, caller, artifactId: id, shape };
    return reply.send(Readable.from(wavRange(source, range), { objectMode: false, highWaterMark: 64 * 1024 }));
  });
}
