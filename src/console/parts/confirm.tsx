// A question before something that cannot be undone, or that others notice: says what will happen, and asks once.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { sentenceOf } from '../api.ts';
import { FormError } from './field.tsx';

interface ConfirmProps {
  readonly title: string;
  readonly children: ComponentChildren;
  /** What the button that does it says, and what the other. */
  readonly yes: string;
  readonly no?: string;
  readonly isDanger?: boolean;
  readonly act: () => Promise<unknown>;
  readonly done: () => void;
}

export function Confirm({ title, children, yes, no = 'Cancel', isDanger, act, done }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState('');
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      await act();
      done();
    } catch (thrown) {
      setError(sentenceOf(thrown));
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={done}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="confirm-title">{title}</h2>
        {children}
        {error !== '' && <FormError message={error} />}
        <div class="actions">
          <button type="button" class="quiet" onClick={done}>
            {no}
          </button>
          <button type="submit" class={isDanger ? 'primary danger' : 'primary'}>
            {yes}
          </button>
        </div>
      </form>
    </dialog>
  );
}
