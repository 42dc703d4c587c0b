// The log cannot tell of people: whatever is handed to it, text that is not known to be ours prints as `[pii]`.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { WardlineError } from '../../src/kernel/errors.ts';
import { newId } from '../../src/kernel/id.ts';
import type { Logger } from '../../src/kernel/logger.ts';
import { createLogger } from '../../src/kernel/logger.ts';

const NUMBER = '+12125550123';
const NAME = 'Nora Placeholder';
const URI = `sip:${NUMBER}@carrier.example`;

/** What one use of the log leaves in its file. */
function logged(use: (logger: Logger) => void): { text: string; line: Record<string, unknown> } {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-log-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'logs', 'test.log');
  use(createLogger({ role: 'controller', level: 'debug', file }));
  t.equal(statSync(join(folder, 'logs')).mode & 0o777, 0o700);
  t.equal(statSync(file).mode & 0o777, 0o600);
  const text = readFileSync(file, 'utf8');
  return { text, line: JSON.parse(text.split('\n')[0] ?? '') };
}

t.test('no name, number or URI passes, wherever a careless line puts it', async (t) => {
  const careless: Array<(logger: Logger) => void> = [
    (logger) => logger.info({ from: NUMBER, fromName: NAME, name: NAME }, 'a call'),
    (logger) => logger.info({ call: { from: { number: NUMBER, who: [NAME] } } }, 'a call'),
    (logger) => logger.info({ host: URI, reason: NUMBER, callId: URI, code: NUMBER.slice(1) }, 'a call'),
    (logger) => logger.info(`a call from ${NUMBER}`),
    (logger) => logger.info({}, `a call to ${URI}`),
    (logger) => logger.info('a call from %s', NAME),
    (logger) => logger.info({ code: 'x' }, 'a call from %s', NAME),
    (logger) => logger.error(new Error(`cannot parse ${URI} of ${NAME}`)),
    (logger) => logger.error({ err: new TypeError(`${NAME} is no function`) }, 'failed'),
    (logger) =>
      logger.error({ err: Object.assign(new Error('x'), { request: { from: NAME }, code: NUMBER }) }, 'failed'),
    (logger) => logger.error({ err: new Error('outer', { cause: new Error(NAME) }) }, 'failed'),
    (logger) => logger.info(Object.assign([], { 0: NAME, length: 1 }), 'a call'),
    (logger) => logger.info({ body: Buffer.from(NAME), map: new Map([[NAME, NUMBER]]) }, 'a call'),
  ];
  for (const use of careless) {
    const { text } = logged(use);
    for (const canary of [NUMBER, NUMBER.slice(1), '5550123', NAME, 'Placeholder', 'carrier.example']) {
      if (text.includes(canary)) t.fail(`${use} tells ${canary}: ${text}`);
    }
  }
});

t.test(
  'what operators need is there: codes, ids, parts, addresses, our own sentences, where it was thrown',
  async (t) => {
    const id = newId();
    const channel = '12345678-1234-4234-8234-123456789012';
    const { line } = logged((logger) =>
      logger.warn({ code: 'EADDRINUSE', callId: id, channel, missing: 3 }, 'not well'),
    );
    t.match(line, {
      role: 'controller',
      level: 40,
      code: 'EADDRINUSE',
      callId: id,
      channel,
      missing: 3,
      msg: 'not well',
    });
    const listeners = [{ name: 'phones', transport: 'tls', host: '192.168.1.10', port: 5061 }];
    t.match(logged((logger) => logger.info({ listeners }, 'listens')).line, { listeners });
    const sentence = 'The disk is full; free some space.';
    const { line: failed } = logged((logger) =>
      logger.error({ err: new WardlineError('disk-full', sentence) }, 'failed'),
    );
    t.match(failed, {
      err: { type: 'WardlineError', code: 'disk-full', message: sentence, stack: [/ at .*logger\.test/] },
    });
  },
);

t.test('a disk that is full ends no process', (t) => {
  const log = createLogger({ role: 'vault', level: 'info', file: '/dev/full' });
  for (let line = 0; line < 10_000; line++) log.info('a line that finds no room');
  t.pass('the process is still here');
  t.end();
});
