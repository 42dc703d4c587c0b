// What callers notice when a part of the appliance goes away in the middle of a call, and that it all works again afterwards.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { pino } from 'pino';
import t from 'tap';
import { MediaLink } from '../../src/pbx/leg/media-link.ts';
import { SipLink } from '../../src/pbx/leg/sip-link.ts';
import { ClinicBench } from '../support/clinic-bench.ts';
import { hears } from '../support/heard.ts';
import { HurriedClock } from '../support/hurried-clock.ts';
import { testClinic } from '../support/test-clinic.ts';

const silent = pino({ level: 'silent' });

t.jobs = 3;

t.test(
  'the media server dies: both parties are let go at once, the record says so, and the next call works',
  async (t) => {
    await using bench = await ClinicBench.start(testClinic());
    const alice = await bench.registered('1001');
    const bob = await bench.registered('1002');
    const incoming = bob.nextCall();
    const call = await alice.call('1002');
    const answered = await incoming;
    await bench.restartMedia();
    t.ok(await call.until(() => call.hasEnded && answered.hasEnded), 'nobody sits in silence');
    t.ok(await bench.onlyCall());
    t.ok(await bench.until(() => bench.pbx.status().parts.media === 'up'), 'and it is found again');
    const again = bob.nextCall();
    const second = await alice.call('1002');
    (await again).say(620);
    t.ok(await hears(second, 620));
    await second.hangUp();
  },
);

t.test('the vault is killed: calls go on, refreshes are answered, records are written when it is back', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  await bench.vault.kill();
  t.equal((await bob.register()).status, 200, 'a refresh');
  const carol = await bench.phone('1003');
  const promised = carol.register();
  const incoming = bob.nextCall();
  const call = await alice.call('1002');
  (await incoming).say(620);
  t.ok(await hears(call, 620), 'a call');
  await call.hangUp();
  await bench.until(() => bench.pbx.status().calls === 0);
  t.equal((await promised).status, 503, 'a new binding is not promised');
  await bench.vault.restart();
  t.match(await bench.onlyCall(), { from: '1001', outcome: { ended: 'answered', by: 'caller' } }, 'its record');
  const { bindings } = await bench.vault.ask('bindings.list', {});
  t.same(bindings.map(({ username }) => username).sort(), ['1001', '1002']);
});

t.test('the edge is restarted: the call keeps its audio, and new calls work', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  const incoming = bob.nextCall();
  const call = await alice.call('1002');
  const answered = await incoming;
  await bench.restartEdge();
  answered.say(620);
  t.ok(await hears(call, 620), 'they still hear each other');
  t.ok(await bench.until(() => bench.pbx.status().parts.edge === 'up'), 'and it is found again');
  const carol = await bench.registered('1003');
  const dave = await bench.registered('1002');
  const again = dave.nextCall();
  const second = await carol.call('1002');
  t.ok(await again);
  await second.hangUp();
});

t.test('a media server that answers too late is tried again, and the late connection is let go', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  await using gate = await Gate.to(bench.media.eventSocket);
  const clock = new HurriedClock();
  const media = { ...gate.address, secret: 'test-media' };
  const srf = new SipLink({ edge: media, listeners: [], clock, logger: silent }).srf;
  const link = new MediaLink({ media, srf, clock, logger: silent });
  gate.isShut = true;
  const started = link.start();
  // The first only tries the port.
  t.ok(await bench.until(() => gate.accepted === 2));
  clock.hurry(3_000);
  gate.isShut = false;
  await started;
  t.ok(link.isUp);
  t.equal(gate.open, 2);
  gate.letThrough();
  t.ok(await bench.until(() => gate.open === 1), 'one connection is left');
  link.close();
  t.ok(await bench.until(() => gate.open === 0));
});

/** A way to the media server that can be shut: who connects meanwhile waits for an answer. */
class Gate implements AsyncDisposable {
  isShut = false;
  accepted = 0;
  readonly #sockets = new Set<Socket>();
  readonly #held: (() => void)[] = [];
  readonly #server: Server;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((socket) => {
      this.accepted++;
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
      const goOn = () => {
        const inner = connect(target);
        inner.on('error', () => socket.destroy());
        inner.on('close', () => socket.destroy());
        socket.on('close', () => inner.destroy());
        socket.pipe(inner).pipe(socket);
      };
      if (this.isShut) this.#held.push(goOn);
      else goOn();
    });
  }

  static async to(target: { readonly host: string; readonly port: number }): Promise<Gate> {
    const gate = new Gate(target);
    await new Promise<void>((resolve) => gate.#server.listen(0, '127.0.0.1', resolve));
    return gate;
  }

  get address(): { readonly host: string; readonly port: number } {
    const address = this.#server.address();
    return { host: '127.0.0.1', port: typeof address === 'object' && address !== null ? address.port : 0 };
  }

  get open(): number {
    return this.#sockets.size;
  }

  letThrough(): void {
    for (const goOn of this.#held.splice(0)) goOn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
