// A caller from a carrier, over real SIP and RTP: calls, listens, presses digits, speaks, hangs up.
import { randomBytes } from 'node:crypto';
import type { AudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { openAudioLeg, TICK_SAMPLES } from '../../src/engine/media-server/audio/leg.ts';
import type { MediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { createMediaPorts } from '../../src/engine/runtime/media-socket.ts';
import type { SipStack, SipTarget } from '../../src/engine/runtime/sip-stack.ts';
import { createSipStack } from '../../src/engine/runtime/stack.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { WardlineError } from '../../src/kernel/errors.ts';
import type { AudioNegotiation } from '../../src/protocol/sdp/negotiation.ts';
import { createAudioNegotiation } from '../../src/protocol/sdp/negotiation.ts';
import type { SipRequest, SipResponse } from '../../src/protocol/sip/message.ts';
import { SipHeaders } from '../../src/protocol/sip/message.ts';

const TICK_MS = 20;
const MAX_HEARD_SECONDS = 300;
const SILENCE = new Int16Array(TICK_SAMPLES);
const text = new TextEncoder();

export interface CallTo {
  /** Where the clinic's carriers listen, UDP. */
  readonly host: string;
  readonly port: number;
  readonly number: string;
  readonly from: string;
  /** Shown beside the number. */
  readonly fromName?: string;
}

export class DemoCaller implements AsyncDisposable {
  /** Everything heard so far, 8 kHz. */
  readonly heard = new Int16Array(MAX_HEARD_SECONDS * 8000);
  heardSamples = 0;
  hasEnded = false;
  readonly #stack: SipStack;
  readonly #ports: MediaPorts;
  readonly #leg: AudioLeg;
  readonly #negotiation: AudioNegotiation;
  #speech: Int16Array = new Int16Array(0);
  #spoken = 0;
  #dialog: { request: SipRequest; response: SipResponse; target: SipTarget } | undefined;
  #ticker: NodeJS.Timeout | undefined;

  private constructor(stack: SipStack, ports: MediaPorts, leg: AudioLeg) {
    this.#stack = stack;
    this.#ports = ports;
    this.#leg = leg;
    this.#negotiation = createAudioNegotiation({
      local: leg.local,
      name: 'demo',
      sessionId: 1,
      secure: 'forbidden',
      random: randomBytes,
    });
  }

  static async open(host: string): Promise<DemoCaller> {
    const ports = createMediaPorts({ address: host, first: 0, last: 0, clock: systemClock });
    const leg = await openAudioLeg({ ports, clock: systemClock, random: randomBytes, nat: 'strict' });
    let caller: DemoCaller | undefined;
    const stack = createSipStack(
      {
        onRequest(transaction) {
          const { request } = transaction;
          if (request.method === 'BYE' && caller !== undefined) caller.hasEnded = true;
          const status = request.method === 'BYE' ? 200 : 405;
          transaction.respond({
            kind: 'response',
            status,
            reason: status === 200 ? 'OK' : 'Method Not Allowed',
            headers: echoed(request),
            body: text.encode(''),
          });
        },
        onCancel() {},
        onAck() {},
        onStrayResponse() {},
        onFault() {},
      },
      { clock: systemClock },
    );
    await stack.listen({ name: 'demo', transport: 'udp', host, port: 0 });
    caller = new DemoCaller(stack, ports, leg);
    return caller;
  }

  /** Calls and resolves when the call is answered and audio flows. */
  async call(to: CallTo): Promise<void> {
    const own = this.#stack.listeners[0];
    const target: SipTarget = { host: to.host, port: to.port, transport: 'udp' };
    const uri = `sip:${to.number}@${to.host}:${to.port}`;
    const invite: SipRequest = {
      kind: 'request',
      method: 'INVITE',
      uri,
      headers: SipHeaders.of(
        ['Max-Forwards', '70'],
        [
          'From',
          `${to.fromName === undefined ? '' : `"${to.fromName}" `}<sip:${to.from}@${own?.host}>;tag=${randomBytes(6).toString('hex')}`,
        ],
        ['To', `<${uri}>`],
        ['Call-ID', randomBytes(12).toString('hex')],
        ['CSeq', '1 INVITE'],
        ['Contact', `<sip:${to.from}@${own?.host}:${own?.port}>`],
        ['Content-Type', 'application/sdp'],
      ),
      body: text.encode(this.#negotiation.makeOffer()),
    };
    const { promise, resolve, reject } = Promise.withResolvers<SipResponse>();
    await this.#stack.request(invite, target, {
      onResponse: (response) => {
        if (response.status >= 300)
          reject(
            new WardlineError(
              'call-refused',
              `The appliance refused the call with ${response.status} ${response.reason}.`,
            ),
          );
        else if (response.status >= 200) resolve(response);
      },
      onFailure: () =>
        reject(
          new WardlineError(
            'no-answer',
            `Nothing answers at ${to.host}:${to.port}; start the appliance first: npm start.`,
          ),
        ),
    });
    const response = await promise;
    this.#dialog = { request: invite, response, target };
    await this.#stack.sendAck(this.#inDialog('ACK', 1), target);
    const negotiated = this.#negotiation.acceptAnswer(new TextDecoder().decode(response.body));
    if ('refused' in negotiated) throw new WardlineError('no-audio', `No audio was agreed: ${negotiated.refused}.`);
    this.#leg.configure(negotiated.audio);
    this.#startTicking();
  }

  press(digit: string): void {
    this.#leg.sendDigit(digit, 160);
  }

  /** Speaks the samples (8 kHz) and resolves when the last was sent. */
  async speak(samples: Int16Array): Promise<void> {
    this.#speech = samples;
    this.#spoken = 0;
    await this.until(() => this.#spoken >= samples.length, samples.length / 8 + 5_000);
  }

  /** Waits until `holds`; false when that takes longer than `deadlineMs`. */
  async until(holds: () => boolean, deadlineMs: number): Promise<boolean> {
    const end = systemClock.monotonic() + deadlineMs;
    while (!holds()) {
      if (systemClock.monotonic() > end || this.hasEnded) return holds();
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    return true;
  }

  async hangUp(): Promise<void> {
    const dialog = this.#dialog;
    if (dialog === undefined || this.hasEnded) return;
    this.hasEnded = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    await this.#stack.request(this.#inDialog('BYE', 2), dialog.target, {
      onResponse: () => resolve(),
      onFailure: () => resolve(),
    });
    await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#ticker);
    this.#leg[Symbol.dispose]();
    await this.#stack[Symbol.asyncDispose]();
    await this.#ports[Symbol.asyncDispose]();
  }

  #startTicking(): void {
    const startedAt = systemClock.monotonic();
    let ticks = 0;
    this.#ticker = setInterval(() => {
      for (; ticks * TICK_MS <= systemClock.monotonic() - startedAt; ticks++) this.#tick();
    }, TICK_MS / 2);
  }

  #tick(): void {
    const frame = this.#leg.read();
    if (this.heardSamples + frame.length <= this.heard.length) {
      this.heard.set(frame, this.heardSamples);
      this.heardSamples += frame.length;
    }
    const next = this.#speech.subarray(this.#spoken, this.#spoken + TICK_SAMPLES);
    this.#leg.write(next.length === TICK_SAMPLES ? next : SILENCE);
    this.#spoken += TICK_SAMPLES;
  }

  #inDialog(method: 'ACK' | 'BYE', cseq: number): SipRequest {
    const dialog = this.#dialog;
    if (dialog === undefined) throw new Error('There is no call.');
    const { request, response } = dialog;
    const header = (from: { headers: SipHeaders }, name: string) => from.headers.get(name) ?? '';
    return {
      kind: 'request',
      method,
      uri: /<([^>]+)>/.exec(header(response, 'Contact'))?.[1] ?? request.uri,
      headers: SipHeaders.of(
        ['Max-Forwards', '70'],
        ['From', header(request, 'From')],
        ['To', header(response, 'To')],
        ['Call-ID', header(request, 'Call-ID')],
        ['CSeq', `${cseq} ${method}`],
      ),
      body: text.encode(''),
    };
  }
}

function echoed(request: SipRequest): SipHeaders {
  const copied = ['Via', 'From', 'To', 'Call-ID', 'CSeq'].flatMap((name) =>
    request.headers.all(name).map((value) => [name, value] as const),
  );
  return SipHeaders.of(...copied);
}
