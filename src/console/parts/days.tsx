// The first and the last day that a list is narrowed to.

interface Days {
  readonly from: string;
  readonly until: string;
}

export function DayFields({ days, change }: { readonly days: Days; readonly change: (part: Partial<Days>) => void }) {
  return (
    <>
      <label>
        From
        <input type="date" value={days.from} onInput={(event) => change({ from: event.currentTarget.value })} />
      </label>
      <label>
        Until
        <input type="date" value={days.until} onInput={(event) => change({ until: event.currentTarget.value })} />
      </label>
    </>
  );
}
