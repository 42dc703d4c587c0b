// An address that cannot be listened at, said so that an operator knows what to do.
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import type { HostPort } from '../../kernel/ip.ts';

/** @throws WardlineError `cannot-listen` */
export async function orSayWhy<Result>({ host, port }: HostPort, what: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (cause) {
    const code = codeOf(cause);
    const advice: Record<string, string> = {
      EADDRINUSE: 'another program has it: stop that program, or give another port in the configuration',
      EADDRNOTAVAIL: 'this machine has no such address: correct it in the configuration',
      EACCES: 'this user may not open it: choose a port above 1023, or give the service the capability',
    };
    const why = advice[code] ?? `the system says ${code}: correct the listener in the configuration`;
    throw new WardlineError('cannot-listen', `Cannot listen at ${host}:${port} for ${what}; ${why}.`, { cause });
  }
}
