// A labelled input of a form, with its hint and its error where a screen reader finds them.
import type { ComponentChildren, InputHTMLAttributes } from 'preact';

interface FieldProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly hint?: ComponentChildren;
  readonly input?: InputHTMLAttributes;
}

export function Field({ id, label, value, onValue, hint, input }: FieldProps) {
  const hintId = `${id}-hint`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
        aria-describedby={hint === undefined ? undefined : hintId}
        {...input}
      />
      {hint !== undefined && (
        <div class="hint" id={hintId}>
          {hint}
        </div>
      )}
    </div>
  );
}

/** The six digits of an authenticator app. */
export const codeInput: InputHTMLAttributes = {
  inputMode: 'numeric',
  autocomplete: 'one-time-code',
  pattern: '[0-9 ]{6,7}',
  maxLength: 7,
  required: true,
  class: 'code',
  placeholder: '000000',
};

export function FormError({ message }: { message: string }) {
  return (
    <p class="form-error" role="alert">
      {message}
    </p>
  );
}
