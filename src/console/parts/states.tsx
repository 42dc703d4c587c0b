// What stands where a list would be: nothing yet, loading, or an error with what to do.
import type { ComponentChildren } from 'preact';
import { ApiError } from '../api.ts';
import { plural } from '../format.ts';
import { session } from '../store.ts';
import type { IconName } from './icon.tsx';
import { Icon } from './icon.tsx';
import { Link } from './link.tsx';

export function Empty({ icon, title, children }: { icon: IconName; title: string; children: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      <h2>{title}</h2>
      <p>{children}</p>
    </div>
  );
}

/** Rows in outline while the first page comes; shown only when it takes a moment. */
export function Loading() {
  return (
    <div class="loading" aria-busy="true">
      <p class="hidden" role="status">
        Loading
      </p>
      {[0, 1, 2, 3].map((row) => (
        <div key={row} class="loading-row" />
      ))}
    </div>
  );
}

/** Rows that were changed outside of the vault: told, not shown. */
export function Damaged({ rows }: { rows: readonly string[] }) {
  if (rows.length === 0) return null;
  return (
    <p class="form-error" role="alert">
      {plural(rows.length, 'record')} of this page {rows.length === 1 ? 'is' : 'are'} damaged and not shown:{' '}
      {rows.join(', ')}
    </p>
  );
}

function mayUnlock(): boolean {
  return typeof session.value === 'object' && session.value.pages.includes('vault');
}

export function Failed({ error, retry }: { error: Error; retry: () => void }) {
  const isLocked = error instanceof ApiError && error.code === 'records-locked';
  return (
    <div role="alert">
      <Empty
        icon={isLocked ? 'lock' : 'warning'}
        title={isLocked ? 'The records are locked' : 'This could not be loaded'}
      >
        {isLocked
          ? 'The phones work and new messages are kept safe. Lists and messages can be seen again once an administrator unlocks the records.'
          : error.message}
        {isLocked && mayUnlock() && (
          <>
            {' '}
            <Link to="/vault">Unlock them on the vault's page.</Link>
          </>
        )}
      </Empty>
      <p class="centred">
        <button type="button" onClick={retry}>
          Try again
        </button>
      </p>
    </div>
  );
}
