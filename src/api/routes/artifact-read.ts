// POST /api/artifacts/:id/read: the person has heard the message; the phone's lamp goes out by it.
import type { App } from '../app.ts';
import { getHearable } from '../artifact-access.ts';
import type { ApiContext } from '../context.ts';
import { ArtifactParams, Done } from '../schemas.ts';

export function addArtifactRead(app: App, context: ApiContext): void {
  const schema = { params: ArtifactParams, response: { 200: Done } };
  app.post('/api/artifacts/:id/read', { schema }, async (request) => {
    const { id, visit } = await getHearable(context, request);
    await context.vault.ask('artifact.markRead', { caller: visit.caller, artifactId: id });
    return { ok: true as const };
  });
}
