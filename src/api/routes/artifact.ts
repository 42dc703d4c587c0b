// GET /api/artifacts/:id: what is known of one message or recording.
import type { App } from '../app.ts';
import { getDetails } from '../artifact-access.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { ArtifactDetailsView, ArtifactParams } from '../schemas.ts';
import { artifactView, keepingView } from '../views.ts';

export function addArtifact(app: App, context: ApiContext): void {
  const schema = { params: ArtifactParams, response: { 200: ArtifactDetailsView } };
  app.get('/api/artifacts/:id', { schema }, async (request) => {
    const details = await getDetails(context, request);
    const keeping = keepingView(details, visitOf(request).user);
    return { ...artifactView(details), marks: [...details.marks], gaps: [...details.gaps], ...keeping };
  });
}
