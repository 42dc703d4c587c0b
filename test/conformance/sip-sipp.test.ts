// sipp, which nobody here wrote, calls the stack and is called by it, over UDP and TCP: INVITE, ACK and BYE.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { ServerTransaction } from '../../src/engine/runtime/sip-stack.ts';
import { SipHeaders, type SipRequest } from '../../src/protocol/sip/message.ts';
import { answer, recordingStack, recordResponses, requestFor } from '../support/sip-bench.ts';

const CALLS = 20;
const TRANSPORTS = [
  ['udp', 'u1'],
  ['tcp', 't1'],
] as const;

/** Runs sipp in a folder of its own until it ends or is stopped; undefined when it is not installed or was stopped. */
async function sipp(args: string[], signal?: AbortSignal): Promise<{ code: number | null } | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'wardline-sipp-'));
  try {
    const child = spawn('sipp', args, { cwd: folder, stdio: 'ignore', timeout: 20_000, ...(signal && { signal }) });
    const [code] = await once(child, 'close');
    return { code };
  } catch {
    return undefined;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const isMissing = (await sipp(['-v'])) === undefined;
const options = isMissing ? { skip: 'sipp is not installed: apt-get install sip-tester' } : {};

/** A UAS that rings and answers. */
function pickUp(transaction: ServerTransaction): void {
  const contact = (status: number, reason: string) => {
    const response = answer(transaction, status, reason);
    return { ...response, headers: response.headers.append('Contact', '<sip:uas@127.0.0.1>') };
  };
  if (transaction.request.method === 'INVITE') transaction.respond(contact(180, 'Ringing'));
  transaction.respond(contact(200, 'OK'));
}

for (const [transport, word] of TRANSPORTS) {
  t.test(
    `${CALLS} calls from sipp over ${transport}: every call is answered, acknowledged once and ended`,
    options,
    async (t) => {
      await using server = recordingStack({}, pickUp);
      const { port } = await server.stack.listen({ name: 'carrier', transport, host: '127.0.0.1', port: 0 });
      const args = [
        '-sn',
        'uac',
        `127.0.0.1:${port}`,
        '-i',
        '127.0.0.1',
        '-t',
        word,
        '-m',
        `${CALLS}`,
        '-r',
        '100',
        '-d',
        '50',
      ];
      const result = await sipp([...args, '-nostdin', '-timeout', '15']);
      t.equal(result?.code, 0, 'sipp counts no failed call');
      t.equal(server.requests.filter(({ request }) => request.method === 'INVITE').length, CALLS);
      t.equal(server.requests.filter(({ request }) => request.method === 'BYE').length, CALLS);
      t.equal(server.acks.length, CALLS);
      t.strictSame(server.faults, []);
    },
  );

  t.test(`a call to sipp over ${transport}: it rings, is answered, acknowledged and ended`, options, async (t) => {
    await using client = recordingStack();
    await client.stack.listen({ name: 'carrier', transport, host: '127.0.0.1', port: 0 });
    const port = 20_000 + (process.pid % 10_000) + (transport === 'udp' ? 0 : 1);
    const stop = new AbortController();
    const running = sipp(
      ['-sn', 'uas', '-i', '127.0.0.1', '-p', `${port}`, '-t', word, '-nostdin', '-timeout', '15'],
      stop.signal,
    );
    const target = { transport, host: '127.0.0.1', port } as const;
    const seen = recordResponses();
    // sipp says nothing when it is ready: over TCP the first tries may be refused.
    for (let tries = 0; tries < 50 && !seen.responses.some(({ status }) => status === 200); tries++) {
      const told = seen.next();
      if (tries === 0 || seen.failures.length === tries) await client.stack.request(invite(), target, seen.events);
      await Promise.race([told, delay(100)]);
    }
    const ok = seen.responses.find(({ status }) => status === 200);
    t.ok(ok, 'answered');
    t.ok(
      seen.responses.some(({ status }) => status === 180),
      'rang',
    );
    await client.stack.sendAck(inDialog('ACK', 1, ok?.headers.get('to')), target);
    const ended = recordResponses();
    const told = ended.next();
    await client.stack.request(inDialog('BYE', 2, ok?.headers.get('to')), target, ended.events);
    await told;
    t.equal(ended.responses[0]?.status, 200);
    // By itself sipp would linger for four seconds.
    stop.abort();
    await running;
  });
}

function invite(): SipRequest {
  const request = requestFor({
    method: 'INVITE',
    body: 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n',
  });
  return {
    ...request,
    headers: request.headers.append('Contact', '<sip:uac@127.0.0.1>').append('Content-Type', 'application/sdp'),
  };
}

function inDialog(method: string, number: number, to = ''): SipRequest {
  const request = requestFor({ method, cseq: `${number} ${method}` });
  return { ...request, headers: new SipHeaders([...request.headers]).with('to', to) };
}
