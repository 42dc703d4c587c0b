// GET /api/search: calls, messages and recordings by name, note, tag, transcript or number, best first; each search is an entry.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { SearchQuery, SearchView } from '../schemas.ts';
import { artifactView, callView, scopeOf } from '../views.ts';

export function addSearch(app: App, { vault }: ApiContext): void {
  const schema = { querystring: SearchQuery, response: { 200: SearchView } };
  app.get('/api/search', { schema }, async (request) => {
    const { caller, user } = visitOf(request);
    const { q: query, limit, ...filter } = request.query;
    const { hits, isComplete, progress } = await vault.ask('search', {
      caller,
      query,
      limit,
      filter,
      ...scopeOf(user),
    });
    return {
      hits: hits.map((hit) => ({
        notes: [...hit.notes],
        ...('call' in hit ? { call: callView(hit.call) } : { artifact: artifactView(hit.artifact) }),
      })),
      isComplete,
      progress,
    };
  });
}
