// How a row of captured audio ends: how it stands, how long it is, when it began.
import type { ArtifactView } from '../../api/schemas.ts';
import { clockLength, spokenLength, timeOfDay } from '../format.ts';
import { StateBadge } from './state-badge.tsx';

export function RowEnd({ artifact }: { readonly artifact: ArtifactView }) {
  const { startedAt, durationMs } = artifact;
  return (
    <>
      <StateBadge artifact={artifact} />
      <span class="length">
        <span aria-hidden="true">{clockLength(durationMs)}</span>
        <span class="hidden">{spokenLength(durationMs)}</span>
      </span>
      <time class="when" dateTime={new Date(startedAt).toISOString()}>
        {timeOfDay(startedAt)}
      </time>
    </>
  );
}
