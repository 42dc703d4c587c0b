// `sendmsg unicast`: a waiting call's audio as raw samples to a port of this machine, and back (switch_ivr_activate_unicast).
import type { HostPort } from '../../../kernel/ip.ts';
import { type DatagramPipe, openDatagrams } from '../../runtime/datagrams.ts';
import { connectTcp } from '../../runtime/tcp-server.ts';
import { isLoopback } from '../host/own-addresses.ts';

/** What may wait to be said to the party: a second at 16 kHz. */
const MAX_WAITING_BYTES = 32_000;
const SAMPLE_BYTES = 2;

export interface UnicastRequest {
  readonly local: HostPort;
  readonly remote: HostPort;
  readonly transport: 'udp' | 'tcp';
}

/** FreeSWITCH's headers and defaults; or why it is refused. */
export function parseUnicast(headers: ReadonlyMap<string, string>): UnicastRequest | string {
  const place = (side: 'local' | 'remote', port: number): HostPort => ({
    host: headers.get(`${side}-ip`) || '127.0.0.1',
    port: Number(headers.get(`${side}-port`) || port),
  });
  const [local, remote] = [place('local', 8_025), place('remote', 8_026)];
  const transport = (headers.get('transport') || 'udp').toLowerCase();
  const flags = headers.get('flags') ?? '';
  if (transport !== 'udp' && transport !== 'tcp') return 'invalid transport';
  if (flags.includes('native')) return 'native audio is not relayed, only 16-bit samples';
  if (!isLoopback(local.host) || !isLoopback(remote.host)) return 'unicast goes to addresses of this machine alone';
  const isPort = ({ port }: HostPort) => Number.isInteger(port) && port > 0 && port < 65_536;
  return isPort(local) && isPort(remote) ? { local, remote, transport } : 'invalid port';
}

/** Samples of 16 bits in this machine's byte order, at the rate of the call's audio; 20 ms a datagram. */
export class Unicast implements Disposable {
  readonly #pipe: DatagramPipe;
  #waiting: Buffer = Buffer.alloc(0);

  private constructor(pipe: DatagramPipe) {
    this.#pipe = pipe;
    pipe.onData = (bytes) => {
      const all = Buffer.concat([this.#waiting, bytes]);
      this.#waiting = all.length > MAX_WAITING_BYTES ? all.subarray(all.length - MAX_WAITING_BYTES) : all;
    };
  }

  /** Rejects with Node's own error when a port is taken, or nobody listens by TCP. */
  static async open({ local, remote, transport }: UnicastRequest): Promise<Unicast> {
    return new Unicast(transport === 'udp' ? await openDatagrams(local, remote) : await openStream(remote));
  }

  /** One tick: what was heard leaves, what has come is said. */
  tick(heard: Int16Array, out: Int16Array): void {
    this.#pipe.send(new Uint8Array(heard.buffer.slice(heard.byteOffset, heard.byteOffset + heard.byteLength)));
    const samples = Math.min(out.length, Math.floor(this.#waiting.length / SAMPLE_BYTES));
    for (let i = 0; i < samples; i++) out[i] = this.#waiting.readInt16LE(i * SAMPLE_BYTES);
    this.#waiting = this.#waiting.subarray(samples * SAMPLE_BYTES);
  }

  [Symbol.dispose](): void {
    this.#pipe.onData = undefined;
    this.#pipe[Symbol.dispose]();
  }
}

async function openStream(remote: HostPort): Promise<DatagramPipe> {
  const connection = await connectTcp(remote);
  const pipe: DatagramPipe = {
    onData: undefined,
    send: (bytes) => connection.write(bytes),
    [Symbol.dispose]: () => connection.destroy(),
  };
  connection.onData = (bytes) => pipe.onData?.(bytes);
  return pipe;
}
