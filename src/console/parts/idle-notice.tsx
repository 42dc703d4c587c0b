// One minute before the session ends: asks whether somebody is still there.
import { useEffect, useRef } from 'preact/hooks';
import { clockLength } from '../format.ts';
import { endingIn, logOut, stay } from '../store.ts';

export function IdleNotice() {
  const dialog = useRef<HTMLDialogElement>(null);
  const seconds = endingIn.value;
  const isDue = seconds !== undefined;
  useEffect(() => {
    if (isDue) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isDue]);
  return (
    <dialog ref={dialog} aria-labelledby="idle-title" onCancel={() => void stay()}>
      <h2 id="idle-title">Still there?</h2>
      <p>
        For the patients' sake you will be logged out in <strong>{clockLength((seconds ?? 0) * 1000)}</strong>.
      </p>
      <div class="actions">
        <button type="button" class="quiet" onClick={() => void logOut()}>
          Log out now
        </button>
        <button type="button" class="primary" onClick={() => void stay()}>
          Stay logged in
        </button>
      </div>
    </dialog>
  );
}
