// How each party's audio came in: a score in a word and a number, loss, jitter, round trip.
import type { CallView } from '../../api/schemas.ts';
import { scoreWord } from '../describe.ts';
import { Facts, Panel } from './panel.tsx';

const PARTIES = { caller: 'Caller', callee: 'Called party' } as const;

export function Quality({ quality }: { quality: CallView['quality'] }) {
  if (quality === undefined || quality.length === 0) return null;
  return (
    <Panel title="Sound quality">
      <div class="legs">
        {quality.map(({ leg, mos, lossPercent, jitterMs, roundTripMs, heardMos }) => {
          const { label, tone } = scoreWord(mos);
          return (
            <div key={leg}>
              <p>
                <strong>{PARTIES[leg]}</strong>{' '}
                <span class={`badge ${tone}`}>
                  {label}, {mos.toFixed(1)}
                </span>
              </p>
              <Facts
                facts={[
                  ['Lost', `${lossPercent.toFixed(1)} %`],
                  ['Jitter', jitterMs === undefined ? undefined : `${Math.round(jitterMs)} ms`],
                  ['Round trip', roundTripMs === undefined ? undefined : `${Math.round(roundTripMs)} ms`],
                  ['Heard there', heardMos === undefined ? undefined : heardMos.toFixed(1)],
                ]}
              />
            </div>
          );
        })}
      </div>
      <p class="muted small">Scores go from 1 to 4.5 (ITU-T G.107); below 3.6 people complain.</p>
    </Panel>
  );
}
