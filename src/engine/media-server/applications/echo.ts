// `echo`: the party hears itself until it is broken, moved or hung up.
import type { Execution, RunningApplication } from '../channel/application.ts';

export function echo({ complete }: Execution): RunningApplication {
  return {
    tick: (heard, out) => out.set(heard),
    onBreak: () => complete(),
  };
}
