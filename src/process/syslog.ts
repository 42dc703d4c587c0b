// Signed heads of the audit trail to the machine's syslog, which may hand them to another machine: by logger(1), RFC 5424 §6.2.1 facility 10.
import { execFile } from 'node:child_process';
import { codeOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';

/** How long logger(1) may take; a head holds nothing about people. */
const DEADLINE_MS = 10_000;

export function headsToSyslog(log: Logger, command = 'logger'): (line: string) => void {
  return (line) => {
    const args = ['--tag', 'wardline-audit-head', '--priority', 'authpriv.notice', '--', line];
    execFile(command, args, { timeout: DEADLINE_MS }, (error) => {
      if (error !== null) log.error({ code: codeOf(error) }, 'a signed head did not reach syslog');
    });
  };
}
