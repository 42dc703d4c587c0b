// How long something is kept: the date that its rule gives, and the legal holds on it, which administrators place and release.
import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import { dayText } from '../format.ts';
import { Confirm } from './confirm.tsx';
import { Field } from './field.tsx';
import { Panel } from './panel.tsx';

interface KeepingProps {
  readonly subject: string;
  readonly keeping: {
    readonly keptUntil?: number | undefined;
    readonly isHeld: boolean;
    readonly holds: readonly { readonly id: string; readonly reason: string; readonly placedAt: number }[];
  };
  readonly isAdmin: boolean;
  readonly changed: () => void;
}

export function Keeping({ subject, keeping, isAdmin, changed }: KeepingProps) {
  const [doing, setDoing] = useState<'place' | { id: string; reason: string }>();
  const { keptUntil, isHeld, holds } = keeping;
  const close = () => {
    setDoing(undefined);
    changed();
  };
  const place = isAdmin && (
    <button type="button" onClick={() => setDoing('place')}>
      Place a legal hold
    </button>
  );
  return (
    <Panel title="Kept" action={place}>
      <p>{keptUntil === undefined ? 'For good: no rule destroys it.' : `Until ${dayText(keptUntil)}, by its rule.`}</p>
      {isHeld && holds.length === 0 && <p class="note">A legal hold keeps it beyond that.</p>}
      {holds.map((hold) => (
        <p key={hold.id} class="note spread">
          <span>
            <strong>Legal hold</strong> since {dayText(hold.placedAt)}: {hold.reason}
          </span>
          <button type="button" class="link" onClick={() => setDoing(hold)}>
            Release
          </button>
        </p>
      ))}
      {doing === 'place' && <PlaceHold subject={subject} done={close} />}
      {doing !== undefined && doing !== 'place' && (
        <Confirm title="Release this hold?" yes="Release" isDanger act={() => api.releaseHold(doing.id)} done={close}>
          <p>What it kept ({doing.reason}) may be destroyed by its rule from then on.</p>
        </Confirm>
      )}
    </Panel>
  );
}

function PlaceHold({ subject, done }: { subject: string; done: () => void }) {
  const [reason, setReason] = useState('');
  return (
    <Confirm title="Place a legal hold" yes="Hold" act={() => api.placeHold({ subject, reason })} done={done}>
      <p>It is then destroyed by no rule and by nobody, until the hold is released.</p>
      <Field
        id="hold-reason"
        label="Reason"
        value={reason}
        onValue={setReason}
        hint="It goes into the audit trail."
        input={{ required: true, maxLength: 500, autofocus: true, autocomplete: 'off' }}
      />
    </Confirm>
  );
}
