// What is not as it should be with a message or recording, in a word; nothing for a whole one.
import type { ArtifactView } from '../../api/schemas.ts';
import { stateOf } from '../describe.ts';

export function StateBadge({ artifact: { state, kind } }: { artifact: Pick<ArtifactView, 'state' | 'kind'> }) {
  const shown = stateOf(state, kind);
  return shown === undefined ? <span class="no-badge" /> : <span class={`badge ${shown.tone}`}>{shown.label}</span>;
}
