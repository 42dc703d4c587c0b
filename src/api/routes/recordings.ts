// GET /api/recordings: a page of recorded calls, newest first.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { ArtifactsPage, ArtifactsQuery } from '../schemas.ts';
import { artifactView, pageRequest, pageView } from '../views.ts';

export function addRecordings(app: App, { vault }: ApiContext): void {
  const schema = { querystring: ArtifactsQuery, response: { 200: ArtifactsPage } };
  app.get('/api/recordings', { schema }, async (request) => {
    const { caller } = visitOf(request);
    const ask = { caller, kind: 'recording' as const, page: pageRequest(request.query) };
    return pageView(await vault.ask('artifacts.page', ask), artifactView);
  });
}
