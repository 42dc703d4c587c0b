// Finds the artifact that a request names and makes sure that its asker may hear it.
import type { FastifyRequest } from 'fastify';
import { WardlineError } from '../kernel/errors.ts';
import type { ArtifactId } from '../kernel/id.ts';
import { parseId } from '../kernel/id.ts';
import type { ArtifactSummary } from '../vault/contract.ts';
import type { ApiContext } from './context.ts';
import type { Visit } from './guard.ts';
import { visitOf } from './guard.ts';
import { mayHear } from './permissions.ts';

export interface Hearable {
  readonly id: ArtifactId;
  readonly artifact: ArtifactSummary;
  readonly visit: Visit;
}

/**
 * The artifact of `/api/artifacts/:id…`. Within a playback what the vault said of it first still holds.
 * @throws WardlineError `not-found` alike for one that does not exist and one of somebody else's
 */
export async function getHearable({ vault, hearings }: ApiContext, request: FastifyRequest): Promise<Hearable> {
  const visit = visitOf(request);
  const id = parseId<'artifact'>(idParameter(request.params));
  if (id === undefined) throw gone();
  const known = hearings.find(visit.token, id)?.artifact;
  const artifact = known ?? (await vault.ask('artifact.get', { caller: visit.caller, artifactId: id }));
  if (!mayHear(visit.user, artifact)) throw gone();
  return { id, artifact, visit };
}

function idParameter(params: unknown): string {
  return typeof params === 'object' && params !== null && 'id' in params ? String(params.id) : '';
}

function gone(): WardlineError {
  return new WardlineError('not-found', 'This message is not here any more.');
}
