// A peer that cannot say who it is does no harm: its link is cut and the process goes on.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { encodeFrame } from '../../src/ipc/frame.ts';
import { LinkServer } from '../../src/ipc/server.ts';
import { ManualClock } from '../support/manual-clock.ts';

for (const role of ['__proto__', 'constructor', 'toString', 'nobody']) {
  t.test(`a hello as ${role} is refused and nothing more`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'wardline-link-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'a.sock');
    const onRequest = () => ({ payload: {} });
    await using server = await LinkServer.listen({
      path,
      tokens: { main: 'secret' },
      clock: new ManualClock(),
      onRequest,
    });
    const socket = connect(path);
    socket.write(encodeFrame({ kind: 'hello', protocol: 1, role, token: 'secret' }));
    await once(socket, 'close');
    t.equal(server.links.size, 0);
  });
}
