// A UDP socket between two addresses of this machine, for raw audio beside a call: bytes out, bytes in, nobody else heard.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { HostPort } from '../../kernel/ip.ts';

export interface DatagramPipe extends Disposable {
  onData: ((bytes: Uint8Array) => void) | undefined;
  send(bytes: Uint8Array): void;
}

/** Binds `local`; rejects with Node's own error when that is taken. Only what `remote` sends is heard. */
export async function openDatagrams(local: HostPort, remote: HostPort): Promise<DatagramPipe> {
  const socket = createSocket('udp4');
  socket.bind({ address: local.host, port: local.port, exclusive: true });
  await once(socket, 'listening');
  let isOpen = true;
  const pipe: DatagramPipe = {
    onData: undefined,
    send(bytes) {
      // Nobody may listen there yet: what is lost is lost.
      if (isOpen) socket.send(bytes, remote.port, remote.host, () => undefined);
    },
    [Symbol.dispose]() {
      if (isOpen) socket.close();
      isOpen = false;
    },
  };
  socket.on('error', () => undefined);
  socket.on('message', (bytes, { address, port }) => {
    if (address === remote.host && port === remote.port) pipe.onData?.(bytes);
  });
  return pipe;
}
