// GET /api/audit: a page of the audit trail, newest first, of all entries or of those that are searched for; looking at it is itself an entry.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { AuditPage, AuditQuery } from '../schemas.ts';
import { auditView, pageRequest } from '../views.ts';

export function addAudit(app: App, { vault }: ApiContext): void {
  const schema = { querystring: AuditQuery, response: { 200: AuditPage } };
  app.get('/api/audit', { schema }, async (request) => {
    const { caller } = visitOf(request);
    const { limit: _limit, after: _after, ...filter } = request.query;
    const page = pageRequest(request.query);
    const isSearch = Object.keys(filter).length > 0;
    const { rows, next } = isSearch
      ? await vault.ask('audit.search', { caller, filter, page })
      : await vault.ask('audit.page', { caller, page });
    return { rows: rows.map(auditView), ...(next !== undefined && { next }) };
  });
}
