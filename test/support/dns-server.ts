// A tiny DNS server on loopback for tests: answers A, AAAA, SRV and NAPTR from a table, and counts what it was asked (RFC 1035, RFC 2782, RFC 3403).
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import type { NaptrRecord, SrvRecord } from '../../src/protocol/sip/locate.ts';

export interface Zone {
  readonly addresses?: readonly string[];
  readonly srv?: ReadonlyArray<Partial<SrvRecord> & Pick<SrvRecord, 'name' | 'port'>>;
  readonly naptr?: ReadonlyArray<Partial<NaptrRecord> & Pick<NaptrRecord, 'service' | 'replacement'>>;
  readonly ttlSeconds?: number;
}

const TYPES = { 1: 'A', 28: 'AAAA', 33: 'SRV', 35: 'NAPTR' } as const;
const NAME_ERROR = 3;

export class DnsServer implements AsyncDisposable {
  /** By name in lower case; may be changed while it runs. */
  readonly zones: Record<string, Zone>;
  /** `SRV _sip._udp.carrier.example`, in order. */
  readonly asked: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket, zones: Record<string, Zone>) {
    this.#socket = socket;
    this.zones = zones;
    socket.on('message', (query, from) => {
      socket.send(this.#answer(query), from.port, from.address);
    });
  }

  static async start(zones: Record<string, Zone>): Promise<DnsServer> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DnsServer(socket, zones);
  }

  /** For `systemResolver({ servers })`. */
  get place(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }

  #answer(query: Buffer): Buffer {
    const { name, end } = readName(query, 12);
    const code = query.readUInt16BE(end);
    const type = code === 1 || code === 28 || code === 33 || code === 35 ? TYPES[code] : 'OTHER';
    this.asked.push(`${type} ${name}`);
    const zone = this.zones[name.toLowerCase()];
    const datas = zone === undefined ? [] : recordsOf(zone, type);
    const ttl = zone?.ttlSeconds ?? 60;
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(0x8180 | (zone === undefined ? NAME_ERROR : 0), 2);
    header.writeUInt16BE(datas.length, 6);
    header.writeUInt32BE(0, 8);
    const answers = datas.map((data) => Buffer.concat([u16(0xc00c, code, 1), u32(ttl), u16(data.length), data]));
    return Buffer.concat([header, query.subarray(12, end + 4), ...answers]);
  }
}

function recordsOf({ addresses = [], srv = [], naptr = [] }: Zone, type: string): Buffer[] {
  if (type === 'A')
    return addresses.filter((each) => isIPv4(each)).map((each) => Buffer.from(each.split('.').map(Number)));
  if (type === 'AAAA')
    return addresses.filter((each) => each === '::1').map(() => Buffer.from([...Array(15).fill(0), 1]));
  if (type === 'SRV') {
    return srv.map(({ priority = 0, weight = 0, port, name }) =>
      Buffer.concat([u16(priority, weight, port), writeName(name)]),
    );
  }
  return naptr.map(({ order = 0, preference = 0, flags = 's', service, replacement }) =>
    Buffer.concat([u16(order, preference), text(flags), text(service), text(''), writeName(replacement)]),
  );
}

function readName(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

function writeName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([...labels.map(text), Buffer.from([0])]);
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
}

function u16(...values: number[]): Buffer {
  return Buffer.concat(values.map((value) => Buffer.from([value >> 8, value & 0xff])));
}

function u32(value: number): Buffer {
  return u16(value >>> 16, value & 0xffff);
}
