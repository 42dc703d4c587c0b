// GET /api/artifacts/:id: what is known of one message or recording.
import type { App } from '../app.ts';
import { getDetails } from '../artifact-access.ts';
import type { ApiContext } from '../context.ts';
import { ArtifactParams, ArtifactView } from '../schemas.ts';
import { artifactView } from '../views.ts';

export function addArtifact(app: App, context: ApiContext): void {
  const schema = { params: ArtifactParams, response: { 200: ArtifactView } };
  app.get('/api/artifacts/:id', { schema }, async (request) => artifactView(await getDetails(context, request)));
}
