// One thing that a page shows: loading, loaded, or an error; loaded again when asked.
import { useEffect, useRef, useState } from 'preact/hooks';

export interface Loaded<Value> {
  readonly value: Value | undefined;
  readonly error: Error | undefined;
  /** Asks again; what is shown stays until the answer is there. */
  reload(isBackground?: boolean): Promise<void>;
}

/** `load` is asked whenever `key` changes; in the background it is no act of the person. */
export function useLoad<Value>(key: string, load: (isBackground: boolean) => Promise<Value>): Loaded<Value> {
  const [value, setValue] = useState<Value>();
  const [error, setError] = useState<Error>();
  const current = useRef(key);
  current.current = key;

  const fetchIt = async (isBackground = false) => {
    try {
      const loaded = await load(isBackground);
      if (current.current !== key) return;
      setValue(loaded);
      setError(undefined);
    } catch (thrown) {
      if (current.current === key && thrown instanceof Error) setError(thrown);
    }
  };

  useEffect(() => {
    setValue(undefined);
    setError(undefined);
    void fetchIt();
  }, [key]);

  return { value, error, reload: fetchIt };
}
