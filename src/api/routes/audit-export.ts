// GET /api/audit/export: the trail, or a part of it, as a signed copy that anybody can check with a head; a file to be saved.
import { Readable } from 'node:stream';
import type { Vault } from '../../vault/contract.ts';
import type { Caller } from '../../vault/shapes.ts';
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { AuditExportQuery } from '../schemas.ts';

export function addAuditExport(app: App, { vault }: ApiContext): void {
  const schema = { querystring: AuditExportQuery };
  app.get('/api/audit/export', { schema }, async (request, reply) => {
    const { caller } = visitOf(request);
    const { from, to } = request.query;
    const ask = { caller, ...(from !== undefined && { from }), ...(to !== undefined && { until: to }) };
    const begun = await vault.ask('audit.export', ask);
    reply.header('content-disposition', 'attachment; filename="wardline-audit.jsonl"');
    reply.type('application/octet-stream');
    return reply.send(Readable.from(lines(vault, caller, begun)));
  });
}

async function* lines(
  vault: Vault,
  caller: Caller,
  {
    exportId,
    header,
    head,
    from,
    until,
  }: { exportId: string; header: string; head: string; from: number; until: number },
): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${header}\n`, 'utf8');
  for (let after = from - 1; after < until; ) {
    const { answer, body } = await vault.askForBytes('audit.exportEntries', { caller, exportId, after });
    if (answer.last === after) return; // an entry is missing: the copy shows that it was cut off
    yield body;
    after = answer.last;
  }
  yield Buffer.from(`${head}\n`, 'utf8');
}
