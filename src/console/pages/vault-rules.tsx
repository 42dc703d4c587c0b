// How long things are kept, by class and by mailbox or queue, and the legal holds on all of it.
import { useState } from 'preact/hooks';
import type { RulesView, VaultView } from '../../api/schemas-vault.ts';
import { api } from '../api.ts';
import { keptText } from '../describe.ts';
import { dayText } from '../format.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Facts, Panel } from '../parts/panel.tsx';

const CLASSES = {
  cdr: 'Call records',
  voicemail: 'Voicemail',
  recording: 'Recordings',
  greeting: 'Greetings',
} as const;
type Class = keyof typeof CLASSES;
const classes = Object.keys(CLASSES) as Class[];

export function Retention({ vault: { rules, mailboxes }, changed }: { vault: VaultView; changed: () => void }) {
  const [isEditing, setEditing] = useState(false);
  const places = Object.entries(rules.places ?? {});
  const nameOf = (number: string) => mailboxes.find((mailbox) => mailbox.number === number)?.name ?? 'queue';
  const action = !isEditing && (
    <button type="button" onClick={() => setEditing(true)}>
      Change
    </button>
  );
  const done = () => {
    setEditing(false);
    changed();
  };
  return (
    <Panel title="How long things are kept" action={action}>
      {isEditing ? (
        <Rules rules={rules} done={done} />
      ) : (
        <Facts
          facts={[
            ...classes.map((each) => [CLASSES[each], keptText(rules[each])] as const),
            ...places.map(([number, days]) => [`${number} ${nameOf(number)}`, keptText(days)] as const),
          ]}
        />
      )}
      <p class="muted small">
        A mailbox or queue of its own rule: <code>wardline vault retention place</code>
      </p>
    </Panel>
  );
}

function Rules({ rules, done }: { rules: RulesView; done: () => void }) {
  const [wanted, setWanted] = useState(rules);
  const [asks, setAsks] = useState(false);
  const set = (each: Class, text: string) => setWanted({ ...wanted, [each]: text === '' ? null : Number(text) });
  return (
    <form
      class="narrow"
      onSubmit={(event) => {
        event.preventDefault();
        setAsks(true);
      }}
    >
      {classes.map((each) => (
        <div key={each} class="field">
          <label for={`kept-${each}`}>{CLASSES[each]}, days</label>
          <input
            id={`kept-${each}`}
            type="number"
            min={1}
            max={36_500}
            value={wanted[each] ?? ''}
            placeholder="for good"
            onInput={(event) => set(each, event.currentTarget.value)}
          />
        </div>
      ))}
      <div class="actions">
        <button type="button" class="quiet" onClick={done}>
          Cancel
        </button>
        <button type="submit" class="primary">
          Save
        </button>
      </div>
      {asks && (
        <Confirm title="Keep things this long?" yes="Save" isDanger act={() => api.setRetention(wanted)} done={done}>
          <p>
            {classes.map((each) => `${CLASSES[each]}: ${keptText(wanted[each]).toLowerCase()}`).join('; ')}. What is
            older is destroyed within the hour, unless a legal hold keeps it.
          </p>
        </Confirm>
      )}
    </form>
  );
}

export function Holds({ holds, changed }: Pick<VaultView, 'holds'> & { changed: () => void }) {
  const [doomed, setDoomed] = useState<VaultView['holds'][number]>();
  if (holds.length === 0) return null;
  const done = () => {
    setDoomed(undefined);
    changed();
  };
  return (
    <Panel title="Legal holds">
      <ul class="plain">
        {holds.map((hold) => (
          <li key={hold.id} class="spread">
            <span>
              {hold.reason}
              <span class="muted small">
                {' '}
                since {dayText(hold.placedAt)}: {hold.subjects.join(', ')}
              </span>
            </span>
            <button type="button" class="quiet" onClick={() => setDoomed(hold)} aria-label={`Release: ${hold.reason}`}>
              Release
            </button>
          </li>
        ))}
      </ul>
      {doomed && (
        <Confirm title="Release this hold?" yes="Release" isDanger act={() => api.releaseHold(doomed.id)} done={done}>
          <p>What it kept ({doomed.reason}) may be destroyed by its rule from then on.</p>
        </Confirm>
      )}
    </Panel>
  );
}
