// An edge on ephemeral loopback ports for tests, applications on unmodified drachtio-srf, and a recorder of their frames.
import { once } from 'node:events';
import { connect } from 'node:net';
import Srf from 'drachtio-srf';
import { pino } from 'pino';
import { createEdge, type Edge, type EdgeOptions } from '../../src/engine/edge/edge.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import type { SrfConnection } from '../../src/pbx/leg/srf-types.ts';
import { FrameReader } from '../../src/protocol/drachtio-wire/frame.ts';
import type { Fault } from './drachtio-faults.ts';
import { namedEdge } from './named-edge.ts';
import { namedServer } from './named-server.ts';
import { PATIENCE_MS } from './patience.ts';

/** A server that runs already is driven in place of our edge by tests that need no listener or clock of their own. */
const NAMED = namedServer('WARDLINE_TEST_DRACHTIO');
/** What a server whose inside is not seen gets to take a route in. */
const ROUTED_MS = 100;

export const SECRET = NAMED?.secret ?? 'cymru';

export interface EdgeBench extends AsyncDisposable {
  readonly edge: Edge;
  /** Whether the server that is driven does otherwise here: true of a drachtio-server for what it is known for. */
  has(fault: Fault): boolean;
  /** Ports by `name/transport`. */
  port(name: string): number;
  /** drachtio-srf, connected and authenticated. */
  srf(): Promise<SrfConnection>;
  /** Resolves once `count` applications take each of these methods. */
  routed(verbs: readonly string[], count?: number): Promise<void>;
  /** A raw application, for what srf does not show. */
  raw(): Promise<RawApp>;
}

export async function edgeBench(options: Partial<EdgeOptions> & { clock?: Clock } = {}): Promise<EdgeBench> {
  const tls =
    options.tls === undefined ? [] : [{ name: 'phones', transport: 'tls', host: '127.0.0.1', port: 0 } as const];
  const named = Object.keys(options).length === 0 ? NAMED : undefined;
  if (named !== undefined) return benchOf(await namedEdge(named), true);
  const edge = await createEdge({
    admin: { host: '127.0.0.1', port: 0 },
    secret: SECRET,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    ...options,
    listeners: options.listeners ?? [
      { name: 'carrier', transport: 'udp', host: '127.0.0.1', port: 0 },
      { name: 'carrier', transport: 'tcp', host: '127.0.0.1', port: 0 },
      { name: 'inner', transport: 'udp', host: '127.0.0.1', port: 0 },
      ...tls,
    ],
  });
  return benchOf(edge, false);
}

function benchOf(edge: Edge, isNamed: boolean): EdgeBench {
  const opened: Array<() => void> = [];
  return {
    edge,
    has: () => isNamed,
    port(name) {
      const listener = edge.listeners.find((each) => `${each.name}/${each.transport}` === name);
      if (listener === undefined) throw new Error(`There is no listener ${name}.`);
      return listener.port;
    },
    async srf() {
      const srf = new Srf() as unknown as SrfConnection;
      srf.connect({ ...edge.admin, secret: SECRET });
      srf.on('error', () => {});
      opened.push(() => {
        // srf asserts when a test has disconnected it before.
        try {
          srf.disconnect();
        } catch {}
      });
      await once(srf, 'connect');
      return srf;
    },
    async routed(verbs, count = 1) {
      if (isNamed) return new Promise((resolve) => setTimeout(resolve, ROUTED_MS));
      const isRouted = () => verbs.every((verb) => (edge.status().routes[verb] ?? 0) === count);
      while (!isRouted()) await new Promise((resolve) => setImmediate(resolve));
    },
    async raw() {
      const app = await RawApp.connect(edge.admin.port);
      opened.push(() => app.close());
      return app;
    },
    async [Symbol.asyncDispose]() {
      for (const close of opened) close();
      await edge.close();
    },
  };
}

/** A frame as fields of its leader and the SIP text. */
export interface RawFrame {
  readonly leader: string;
  readonly fields: readonly string[];
  readonly text: string;
}

/** An application that writes frames by hand. */
export class RawApp {
  readonly frames: RawFrame[] = [];
  readonly closed: Promise<unknown>;
  readonly #socket;
  readonly #taken = new Set<RawFrame>();
  #made = 0;
  #woken = Promise.withResolvers<void>();

  private constructor(socket: ReturnType<typeof connect>) {
    this.#socket = socket;
    this.closed = once(socket, 'close');
    const reader = new FrameReader();
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      for (const payload of reader.push(chunk).payloads) {
        const whole = payload.toString();
        const end = whole.indexOf('\r\n');
        const leader = end < 0 ? whole : whole.slice(0, end);
        this.frames.push({ leader, fields: leader.split('|'), text: end < 0 ? '' : whole.slice(end + 2) });
      }
      this.#woken.resolve();
      this.#woken = Promise.withResolvers<void>();
    });
  }

  static async connect(port: number): Promise<RawApp> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawApp(socket);
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && !this.#socket.readableEnded;
  }

  /** Stops reading, as a stuck program does. */
  pause(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Sends `body` (what follows the message id) and waits for its `response` frame. */
  async ask(body: string): Promise<RawFrame> {
    this.#made += 1;
    const id = `m${this.#made}`;
    const payload = Buffer.from(`${id}|${body}`);
    this.write(Buffer.concat([Buffer.from(`${payload.length}#`), payload]));
    return this.take((frame) => frame.fields[1] === 'response' && frame.fields[2] === id, body.split('\r\n')[0] ?? '');
  }

  async ready(...verbs: string[]): Promise<this> {
    await this.ask(`authenticate|${SECRET}|`);
    for (const verb of verbs) await this.ask(`route|${verb}`);
    return this;
  }

  /** The next `sip` frame whose text starts so. */
  takeSip(start: string): Promise<RawFrame> {
    return this.take((frame) => frame.fields[1] === 'sip' && frame.text.startsWith(start), start);
  }

  async take(isIt: (frame: RawFrame) => boolean, what: string): Promise<RawFrame> {
    const timeout = AbortSignal.timeout(PATIENCE_MS);
    const expired = once(timeout, 'abort');
    for (;;) {
      const found = this.frames.find((frame) => !this.#taken.has(frame) && isIt(frame));
      if (found !== undefined) {
        this.#taken.add(found);
        return found;
      }
      await Promise.race([this.#woken.promise, expired]);
      if (timeout.aborted) {
        throw new Error(`No frame for ${what}; there came ${this.frames.map(({ leader }) => leader).join(' ; ')}`);
      }
    }
  }
}
