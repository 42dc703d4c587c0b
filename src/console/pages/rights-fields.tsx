// The fields of what an account may do: name, roles and mailboxes.
import type { AccountsView } from '../../api/schemas-people.ts';
import type { Rights } from '../api.ts';
import { Field } from '../parts/field.tsx';

const ROLES = {
  admin: 'Administrator: sees and changes everything',
  staff: 'Staff: calls, and the mailboxes below',
  auditor: 'Auditor: the audit trail alone',
};

interface RightsFieldsProps {
  /** Tells the fields of several forms apart. */
  readonly id: string;
  readonly rights: Rights;
  readonly change: (rights: Rights) => void;
  readonly mailboxes: AccountsView['mailboxes'];
}

export function RightsFields({ id, rights, change, mailboxes }: RightsFieldsProps) {
  return (
    <>
      <Field
        id={`name-${id}`}
        label="Name"
        value={rights.name}
        onValue={(name) => change({ ...rights, name })}
        input={{ required: true, maxLength: 100, autocomplete: 'off' }}
      />
      <Checks
        legend="Roles"
        options={Object.entries(ROLES)}
        chosen={rights.roles}
        choose={(roles) => change({ ...rights, roles })}
      />
      <Checks
        legend="Mailboxes"
        options={mailboxes.map(({ number, name }) => [number, `${number} ${name}`])}
        chosen={rights.mailboxes}
        choose={(own) => change({ ...rights, mailboxes: own })}
      />
    </>
  );
}

interface ChecksProps {
  readonly legend: string;
  readonly options: readonly (readonly [string, string])[];
  readonly chosen: readonly string[];
  readonly choose: (chosen: readonly string[]) => void;
}

function Checks({ legend, options, chosen, choose }: ChecksProps) {
  const toggle = (value: string, isOn: boolean) =>
    choose(isOn ? [...chosen, value] : chosen.filter((other) => other !== value));
  return (
    <fieldset class="checks">
      <legend>{legend}</legend>
      {options.map(([value, label]) => (
        <label key={value} class="check">
          <input
            type="checkbox"
            checked={chosen.includes(value)}
            onChange={(event) => toggle(value, event.currentTarget.checked)}
          />{' '}
          {label}
        </label>
      ))}
    </fieldset>
  );
}
