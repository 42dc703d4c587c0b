// A caller's leg where drachtio-srf hands over several messages before anybody can listen, as it does when they come in one piece.
import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import t from 'tap';
import { CallerLeg } from '../../src/pbx/leg/caller-leg.ts';
import { Ending } from '../../src/pbx/leg/ending.ts';
import type { LegContext } from '../../src/pbx/leg/leg.ts';
import type { MediaEnding } from '../../src/pbx/leg/media.ts';
import type { SipArrival } from '../../src/pbx/leg/sip-arrival.ts';
import { ManualClock } from '../support/manual-clock.ts';

const SDP = 'v=0\r\nm=audio 4000 RTP/AVP 0\r\n';

t.test('a caller whose ACK and BYE come with the news of the 200 has left, and its audio is given back', async (t) => {
  const { leg, asked } = bench(SDP, (dialog) => {
    dialog.emit('ack', {});
    dialog.bye();
  });
  await leg.answer();
  t.same(leg.ending.cause, { by: 'remote' });
  t.ok(asked.includes('destroy'));
});

t.test('an answer in an ACK that comes with the news of the 200 is taken', async (t) => {
  const { leg, asked } = bench('', (dialog) => dialog.emit('ack', { body: SDP }));
  await leg.answer();
  t.ok(asked.includes('modify'));
  t.notOk(leg.ending.hasEnded);
});

class Dialog extends EventEmitter {
  connected = true;

  bye(): void {
    this.connected = false;
    this.emit('destroy');
  }
}

/** A caller that offers `body`; `follows` happens in the same piece of the stream that tells of the 200. */
function bench(body: string, follows: (dialog: Dialog) => void) {
  const asked: string[] = [];
  const ask =
    <Answer>(what: string, answer: Answer) =>
    () => {
      asked.push(what);
      return Promise.resolve(answer);
    };
  const media = {
    ending: new Ending<MediaEnding>(),
    localSdp: SDP,
    modify: ask('modify', SDP),
    destroy: ask('destroy', undefined),
  };
  const createUAS = (
    _request: unknown,
    _response: unknown,
    _options: unknown,
    callback?: (...args: unknown[]) => void,
  ) => {
    const dialog = new Dialog();
    const made = new Promise<Dialog>((resolve) => {
      callback?.(null, dialog);
      resolve(dialog);
    });
    follows(dialog);
    return made;
  };
  const request = Object.assign(new EventEmitter(), { has: () => true });
  const context = { sip: { srf: { createUAS } }, media: { createMedia: async () => media } };
  const rest = { clock: new ManualClock(), logger: pino({ level: 'silent' }) };
  const arrival = { body, reply: () => {}, raw: { request, response: {} } };
  const leg = new CallerLeg(arrival as unknown as SipArrival, 'forbidden', {
    ...context,
    ...rest,
  } as unknown as LegContext);
  return { leg, asked };
}
