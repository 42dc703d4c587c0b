// A rehearsal: calls from a private media server to itself before the real one listens. Code that has never run is slow
// for its first callers: compiling it and the first use of each cipher made beats late by 50 ms and more (test/bench/media-first-calls.ts).
import type { Clock } from '../../kernel/clock.ts';
import type { HostPort } from '../../kernel/ip.ts';
import { createAudioNegotiation } from '../../protocol/sdp/negotiation.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../protocol/sip/message.ts';
import { buildResponse } from '../../protocol/sip/transaction/build.ts';
import type { MediaPorts } from '../runtime/media-socket.ts';
import { createMediaPorts } from '../runtime/media-socket.ts';
import type { SipStack, StackEvents } from '../runtime/sip-stack.ts';
import { createSipStack } from '../runtime/stack.ts';
import type { TcpConnection } from '../runtime/tcp-server.ts';
import { listenTcp } from '../runtime/tcp-server.ts';
import { openAudioLeg, TICK_SAMPLES } from './audio/leg.ts';
import { MediaClock } from './audio/media-clock.ts';
import type { MediaServerOptions } from './media-server.ts';
import { createMediaServer } from './media-server.ts';

const HOST = '127.0.0.1';
const ANY = { host: HOST, port: 0 };
const CALLS = 4;
/** How long the calls last. */
const TALK_MS = 200;
/** A rehearsal that has come to nothing by then is given up: the server starts all the same. */
const LIMIT_MS = 3_000;

export type RehearsalParts = Pick<MediaServerOptions, 'clock' | 'random' | 'logger'>;

/** Never rejects. */
export async function rehearse(parts: RehearsalParts): Promise<void> {
  const limit = Promise.withResolvers<void>();
  using _timer = parts.clock.after(LIMIT_MS, limit.resolve);
  await Promise.race([play(parts).catch(() => undefined), limit.promise]);
}

async function play(parts: RehearsalParts): Promise<void> {
  const { clock, random } = parts;
  await using owned = new AsyncDisposableStack();
  const rtpPorts = { first: 0, last: 0 };
  const soundsFolder = '/nonexistent';
  const inner = { ...parts, eventSocket: ANY, sip: ANY, secret: '', rtpHost: HOST, rtpPorts, soundsFolder };
  const server = owned.use(await createMediaServer(inner));
  const ports = owned.use(createMediaPorts({ address: HOST, ...rtpPorts, clock }));
  const stack = owned.use(createSipStack(answeringAll(), { clock, random }));
  const { port } = await stack.listen({ name: 'inner', transport: 'udp', ...ANY });
  const controllers = owned.use(await listenTcp({ address: ANY, onConnection: control }));
  const contact = `<sip:${HOST}:${port}>`;
  const stage: Stage = { clock, random, ports, stack, sip: server.sip, contact, controller: controllers.bound };
  const calls = await Promise.all(Array.from({ length: CALLS }, (_, index) => call(stage, index)));
  for (const party of calls) owned.use(party);
  await new Promise<void>((resolve) => clock.after(TALK_MS, resolve));
}

/** What a controller says to a call: a prompt while it is recorded, variables, an end by itself. */
function control(connection: TcpConnection): void {
  connection.write('connect\n\nevent json ALL\n\n');
  let hasBegun = false;
  connection.onData = (chunk) => {
    const uuid = /\nUnique-ID: (\S+)/.exec(Buffer.from(chunk).toString('latin1'))?.[1];
    if (uuid === undefined || hasBegun) return;
    hasBegun = true;
    const run = (application: string, argument: string) =>
      `sendmsg ${uuid}\ncall-command: execute\nexecute-app-name: ${application}\nexecute-app-arg: ${argument}\n\n`;
    connection.write(run('set', 'rehearsal=true') + run('playback', 'tone_stream://%(200,0,440,480)'));
    connection.write(run('play_and_get_digits', '0 1 1 1001 # silence_stream://20 silence_stream://20 digits'));
    connection.write(`api uuid_set_media_stats ${uuid}\n\napi uuid_dump ${uuid}\n\n`);
  };
}

interface Stage {
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
  readonly ports: MediaPorts;
  readonly stack: SipStack;
  readonly sip: HostPort;
  readonly contact: string;
  readonly controller: HostPort;
}

/** A phone that calls, is silent and presses a digit until it is disposed. */
async function call(stage: Stage, index: number): Promise<Disposable> {
  const { clock, random, ports, stack, sip } = stage;
  const leg = await openAudioLeg({ ports, clock, random, nat: 'strict' });
  const secure = index % 2 === 0 ? 'required' : 'forbidden';
  const negotiation = createAudioNegotiation({ local: leg.local, sessionId: 1, secure, random });
  const callId = Buffer.from(random(8)).toString('hex');
  const uri = `sip:rehearsal@${sip.host}:${sip.port}`;
  const ok = await invite(stage, request(stage, 'INVITE', callId, `<${uri}>`, negotiation.makeOffer()));
  const agreed = negotiation.acceptAnswer(Buffer.from(ok.body).toString());
  if (!('refused' in agreed)) leg.configure(agreed.audio);
  await stack.sendAck(request(stage, 'ACK', callId, ok.headers.get('to') ?? '', ''), { ...sip, transport: 'udp' });
  leg.sendDigit('5', 100);
  const silence = new Int16Array(TICK_SAMPLES);
  const ticker = new MediaClock(clock, () => {
    leg.read();
    leg.write(silence);
  });
  return {
    [Symbol.dispose]() {
      ticker[Symbol.dispose]();
      leg[Symbol.dispose]();
    },
  };
}

function request(stage: Stage, method: string, callId: string, to: string, body: string): SipRequest {
  const { contact, controller, sip } = stage;
  const headers = SipHeaders.of(
    ['Max-Forwards', '70'],
    ['From', `${contact};tag=${callId}`],
    ['To', to],
    ['Call-ID', callId],
    ['CSeq', `1 ${method}`],
    ['Contact', contact],
    ['X-esl-outbound', `${controller.host}:${controller.port}`],
    ['Content-Type', 'application/sdp'],
  );
  const uri = `sip:rehearsal@${sip.host}:${sip.port}`;
  return { kind: 'request', method, uri, headers, body: Buffer.from(body) };
}

async function invite({ stack, sip }: Stage, request: SipRequest): Promise<SipResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<SipResponse>();
  await stack.request(
    request,
    { ...sip, transport: 'udp' },
    {
      onResponse: (response) => response.status >= 200 && resolve(response),
      onFailure: (ending) => reject(new Error(ending)),
    },
  );
  return promise;
}

/** The phones' side: every BYE is taken. */
function answeringAll(): StackEvents {
  const ignore = () => undefined;
  return {
    onRequest: (transaction) => transaction.respond(buildResponse(transaction.request, 200, 'OK', 'rehearsal')),
    onCancel: ignore,
    onAck: ignore,
    onStrayResponse: ignore,
    onFault: ignore,
  };
}
