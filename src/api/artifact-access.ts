// Finds the artifact that a request names and makes sure that its asker may hear it.
import type { FastifyRequest } from 'fastify';
import { WardlineError } from '../kernel/errors.ts';
import type { ArtifactId } from '../kernel/id.ts';
import { parseId } from '../kernel/id.ts';
import type { ArtifactDetails } from '../vault/shapes.ts';
import type { Hearing } from './audio/hearings.ts';
import type { ApiContext } from './context.ts';
import type { Visit } from './guard.ts';
import { visitOf } from './guard.ts';
import { mayHear } from './permissions.ts';
import { scopeOf } from './views.ts';

export interface Hearable {
  readonly id: ArtifactId;
  readonly hearing: Hearing;
  readonly visit: Visit;
}

/**
 * The artifact of `/api/artifacts/:id…`, for something to be done with it. Within a playback what the vault said of it first
 * still holds, so that a playback is one look-up in the trail.
 * @throws WardlineError `not-found` alike for one that does not exist and one of somebody else's
 */
export async function getHearable(context: ApiContext, request: FastifyRequest): Promise<Hearable> {
  const visit = visitOf(request);
  const id = idOf(request);
  const hearing =
    context.hearings.find(visit.token, id) ?? context.hearings.begin(visit.token, id, await lookUp(context, visit, id));
  if (!mayHear(visit.user, hearing.artifact)) throw gone();
  return { id, hearing, visit };
}

/** What the vault says of it right now, to be shown; each time an entry. */
export async function getDetails(context: ApiContext, request: FastifyRequest): Promise<ArtifactDetails> {
  const visit = visitOf(request);
  const artifact = await lookUp(context, visit, idOf(request));
  if (!mayHear(visit.user, artifact)) throw gone();
  return artifact;
}

function lookUp({ vault }: ApiContext, { caller, user }: Visit, artifactId: ArtifactId): Promise<ArtifactDetails> {
  return vault.ask('artifact.get', { caller, artifactId, ...scopeOf(user) });
}

function idOf({ params }: FastifyRequest): ArtifactId {
  const id = parseId<'artifact'>(idParameter(params));
  if (id === undefined) throw gone();
  return id;
}

function idParameter(params: unknown): string {
  return typeof params === 'object' && params !== null && 'id' in params ? String(params.id) : '';
}

function gone(): WardlineError {
  return new WardlineError('not-found', 'This message is not here any more.');
}
