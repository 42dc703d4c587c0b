// POST /api/audit/verify: walks the whole trail, against the heads that left the database; an entry itself.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { AuditVerdict } from '../schemas.ts';

export function addAuditVerify(app: App, { vault }: ApiContext): void {
  app.post('/api/audit/verify', { schema: { response: { 200: AuditVerdict } } }, async (request) => {
    const { ok, entries, firstBad } = await vault.ask('audit.verify', { caller: visitOf(request).caller });
    return { ok, entries, ...(firstBad !== undefined && { firstBad }) };
  });
}
