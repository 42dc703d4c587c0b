// A list that comes in pages: loading, loading again when something is new, and reading on.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { revision } from '../store.ts';

export interface ListPage<Row> {
  readonly rows: readonly Row[];
  readonly next?: string;
  readonly damaged?: readonly string[];
}

export interface List<Row> {
  /** Undefined until the first page is there. */
  readonly rows: readonly Row[] | undefined;
  readonly error: Error | undefined;
  /** Rows that do not open, by name. */
  readonly damaged: readonly string[];
  readonly hasMore: boolean;
  readonly isLoadingMore: boolean;
  loadMore(): void;
  reload(): void;
  replace(change: (rows: readonly Row[]) => readonly Row[]): void;
}

/** Rows kept in the page; who looks for older ones searches. */
const MAX_ROWS = 2_000;

/** `load` is asked again whenever `key` changes, and in the background when something is new while only the first page is shown. */
export function useList<Row>(
  key: string,
  load: (after: string | undefined, isBackground: boolean) => Promise<ListPage<Row>>,
): List<Row> {
  const [rows, setRows] = useState<readonly Row[]>();
  const [next, setNext] = useState<string>();
  const [damaged, setDamaged] = useState<readonly string[]>([]);
  const [error, setError] = useState<Error>();
  const [isLoadingMore, setLoadingMore] = useState(false);
  const pages = useRef(1);
  const current = useRef(key);
  current.current = key;

  const fetchFirst = useCallback(
    async (isBackground: boolean) => {
      try {
        const first = await load(undefined, isBackground);
        if (current.current !== key || (isBackground && pages.current > 1)) return;
        setRows(first.rows);
        setNext(first.next);
        setDamaged(first.damaged ?? []);
        setError(undefined);
      } catch (thrown) {
        if (current.current === key && !isBackground && thrown instanceof Error) setError(thrown);
      }
    },
    [key],
  );

  useEffect(() => {
    pages.current = 1;
    setRows(undefined);
    setError(undefined);
    void fetchFirst(false);
    let known = revision.value;
    return revision.subscribe((latest) => {
      if (latest === known) return;
      known = latest;
      if (pages.current === 1) void fetchFirst(true);
    });
  }, [fetchFirst]);

  const loadMore = async () => {
    if (next === undefined || isLoadingMore) return;
    pages.current += 1;
    setLoadingMore(true);
    try {
      const more = await load(next, false);
      if (current.current !== key) return;
      setRows([...(rows ?? []), ...more.rows].slice(0, MAX_ROWS));
      setNext(more.next);
      setDamaged([...damaged, ...(more.damaged ?? [])]);
    } catch (thrown) {
      if (thrown instanceof Error) setError(thrown);
    } finally {
      setLoadingMore(false);
    }
  };

  return {
    rows,
    error,
    damaged,
    hasMore: next !== undefined && (rows?.length ?? 0) < MAX_ROWS,
    isLoadingMore,
    loadMore: () => void loadMore(),
    reload: () => {
      setError(undefined);
      void fetchFirst(false);
    },
    replace: (change) => setRows((before) => before && change(before)),
  };
}
