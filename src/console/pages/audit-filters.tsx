// What entries of the trail are searched for: who, what, about which record, from where, with what outcome, when.
import { useState } from 'preact/hooks';
import { dayBound } from '../describe.ts';
import { actionLabel, actionOf } from '../format.ts';
import { DayFields } from '../parts/days.tsx';

const TEXTS = { who: 'Who', action: 'What', subject: 'About (id)', address: 'Address', text: 'Words' } as const;
const OUTCOMES = { '': 'Any', ok: 'Done', refused: 'Refused', failed: 'Failed' };

export type AuditSearch = Readonly<Record<keyof typeof TEXTS | 'outcome' | 'from' | 'until', string>>;

export const everything: AuditSearch = {
  who: '',
  action: '',
  subject: '',
  address: '',
  text: '',
  outcome: '',
  from: '',
  until: '',
};

/** As the interface takes it; empty when all are wanted. */
export function queryOf({ from, until, action, ...rest }: AuditSearch): Record<string, string | undefined> {
  const trimmed = Object.entries(rest).map(([name, value]) => [name, value.trim()]);
  return {
    ...Object.fromEntries(trimmed),
    action: action.trim() === '' ? '' : actionOf(action),
    since: dayBound(from, 'start'),
    until: dayBound(until, 'end'),
  };
}

interface FiltersProps {
  readonly search: AuditSearch;
  readonly choose: (search: AuditSearch) => void;
  /** Actions that the list shows, to choose from. */
  readonly seen: readonly string[];
}

export function AuditFilters({ search, choose, seen }: FiltersProps) {
  const [typed, setTyped] = useState(search);
  const change = (part: Partial<AuditSearch>) => setTyped({ ...typed, ...part });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    choose(typed);
  };
  const clear = () => {
    setTyped(everything);
    choose(everything);
  };
  return (
    <details class="filter-box">
      <summary>Search the trail</summary>
      <form onSubmit={submit}>
        <div class="filter-row">
          {Object.entries(TEXTS).map(([name, label]) => (
            <label key={name}>
              {label}
              <input
                value={typed[name as keyof typeof TEXTS]}
                onInput={(event) => change({ [name]: event.currentTarget.value })}
                list={name === 'action' ? 'actions' : undefined}
                maxLength={100}
                autocomplete="off"
              />
            </label>
          ))}
          <label>
            Outcome
            <select value={typed.outcome} onChange={(event) => change({ outcome: event.currentTarget.value })}>
              {Object.entries(OUTCOMES).map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          </label>
          <DayFields days={typed} change={change} />
        </div>
        <datalist id="actions">
          {seen.map((action) => (
            <option key={action} value={actionLabel(action)} />
          ))}
        </datalist>
        <div class="actions">
          <button type="button" class="quiet" onClick={clear}>
            Show everything
          </button>
          <button type="submit" class="primary">
            Search
          </button>
        </div>
      </form>
    </details>
  );
}
