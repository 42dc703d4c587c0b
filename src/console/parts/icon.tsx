// The console's icons, drawn in line so that they take the text's colour and need no request.

const paths = {
  calls: 'M5 4h3l1.5 4-2 1.5a11 11 0 0 0 5 5l1.5-2 4 1.5v3a2 2 0 0 1-2 2A15 15 0 0 1 3 6a2 2 0 0 1 2-2Z',
  voicemail: 'M6.5 15.5a3.5 3.5 0 1 1 0-7 3.5 3.5 0 0 1 0 7Zm0 0h11m0 0a3.5 3.5 0 1 1 0-7 3.5 3.5 0 0 1 0 7Z',
  audit: 'M9 4h6m-8 2h10v14H7Zm3 5h4m-4 4h4',
  logout: 'M10 5H5v14h5m4-4 4-3-4-3m4 3H10',
  inbound: 'M18 6 7 17m0-8v8h8',
  outbound: 'M6 18 17 7m-8 0h8v8',
  internal: 'M4 9h13m-4-4 4 4-4 4M20 15H7m4-4-4 4 4 4',
  emergency: 'M12 4v16M5 8l14 8M19 8 5 16',
  play: 'M8 5.5v13l10.5-6.5Z',
  pause: 'M8 6v12M16 6v12',
  trash: 'M5 7h14M10 7V5h4v2m-7 0 1 12h8l1-12',
  search: 'M11 17a6 6 0 1 1 0-12 6 6 0 0 1 0 12Zm4.5-1.5L20 20',
  close: 'm6 6 12 12M18 6 6 18',
  lock: 'M7 11V8a5 5 0 0 1 10 0v3m-11 0h12v9H6Z',
  warning: 'M12 4 3 19h18Zm0 6v4m0 2.5v.5',
  recording: 'M12 14a3 3 0 0 1-3-3V7a3 3 0 0 1 6 0v4a3 3 0 0 1-3 3Zm-6-3a6 6 0 0 0 12 0m-6 6v3',
  accounts: 'M9 11a3 3 0 1 1 0-6 3 3 0 0 1 0 6Zm-6 8a6 6 0 0 1 12 0M16 5.5a3 3 0 0 1 0 5.5m2 3a6 6 0 0 1 3 5',
  person: 'M12 11a3.5 3.5 0 1 1 0-7 3.5 3.5 0 0 1 0 7Zm-7 9a7 7 0 0 1 14 0',
  vault: 'M5 4h14v16H5Zm7 11a3 3 0 1 1 0-6 3 3 0 0 1 0 6Zm0-3h4',
  back: 'm14 6-6 6 6 6',
  save: 'M12 4v11m-4-4 4 4 4-4M5 20h14',
  note: 'M5 4h14v11l-5 5H5Zm9 16v-5h5M8 9h8m-8 4h4',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  dot: 'M12 12h.01',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

/** The mark beside the clinic's name. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="32" height="32" role="img" aria-label="Wardline">
      <rect width="32" height="32" rx="8" />
      <path d="M7 12v4m4.5-8v12m4.5-9v11m4.5-14v12M25 13v4" />
    </svg>
  );
}
