// sipsak, which nobody here wrote, asks the stack by OPTIONS over UDP and TCP.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { answer, recordingStack } from '../support/sip-bench.ts';

/** The exit code and output of sipsak; undefined when it is not installed. */
async function sipsak(...args: string[]): Promise<{ code: number | null; output: string } | undefined> {
  let output = '';
  const child = execFile('sipsak', args, { timeout: 10_000 });
  child.stdout?.on('data', (chunk: string) => (output += chunk));
  child.stderr?.on('data', (chunk: string) => (output += chunk));
  try {
    const [code] = await once(child, 'close');
    return { code, output };
  } catch {
    return undefined;
  }
}

const isMissing = (await sipsak('--version')) === undefined;
const options = isMissing ? { skip: 'sipsak is not installed: apt-get install sipsak' } : {};

for (const transport of ['udp', 'tcp'] as const) {
  t.test(`sipsak gets its OPTIONS answered over ${transport}`, options, async (t) => {
    await using server = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 200, 'OK')));
    const { port } = await server.stack.listen({ name: 'phones', transport, host: '127.0.0.1', port: 0 });
    const result = await sipsak('-vv', '-E', transport, '-s', `sip:5550100@127.0.0.1:${port}`);
    t.equal(result?.code, 0, result?.output ?? 'sipsak did not run');
    t.match(result?.output, 'SIP/2.0 200 OK');
    t.equal(server.requests[0]?.request.method, 'OPTIONS');
    t.strictSame(server.faults, []);
  });
}
