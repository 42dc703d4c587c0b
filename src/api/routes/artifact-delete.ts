// DELETE /api/artifacts/:id: disposes of a message or recording for good; its keys are destroyed.
import type { App } from '../app.ts';
import { getHearable } from '../artifact-access.ts';
import type { ApiContext } from '../context.ts';
import { ArtifactParams, Done } from '../schemas.ts';

export function addArtifactDelete(app: App, context: ApiContext): void {
  const schema = { params: ArtifactParams, response: { 200: Done } };
  app.delete('/api/artifacts/:id', { schema }, async (request) => {
    const { id, visit } = await getHearable(context, request);
    await context.vault.ask('artifact.dispose', { caller: visit.caller, artifactId: id });
    context.hearings.forget(id);
    return { ok: true as const };
  });
}
