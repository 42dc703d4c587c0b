// GET /api/artifacts/:id/export: the whole sound as a WAV file to be saved; each copy is an entry of its own.
import { Readable } from 'node:stream';
import type { App } from '../app.ts';
import { getHearable } from '../artifact-access.ts';
import { wavRange } from '../audio/stream.ts';
import { wavBytes } from '../audio/wav.ts';
import type { ApiContext } from '../context.ts';
import { ArtifactParams } from '../schemas.ts';

export function addArtifactExport(app: App, context: ApiContext): void {
  const { vault } = context;
  app.get('/api/artifacts/:id/export', { schema: { params: ArtifactParams } }, async (request, reply) => {
    const { id, visit } = await getHearable(context, request);
    const ask = { caller: visit.caller, artifactId: id, fromSample: 0, samples: 1, play: 'export' } as const;
    const shape = await vault.ask('artifact.audio', ask);
    const total = wavBytes(shape);
    reply.header('content-disposition', `attachment; filename="wardline-${id}.wav"`);
    reply.header('content-length', total).type('audio/wav');
    const source = { vault, caller: visit.caller, artifactId: id, shape };
    const bytes = wavRange(source, { first: 0, last: total - 1 });
    return reply.send(Readable.from(bytes, { objectMode: false, highWaterMark: 64 * 1024 }));
  });
}
