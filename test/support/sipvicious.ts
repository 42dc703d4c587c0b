// Debian's sipvicious, run against an edge from an address of its own; disguised when it is not to be known by its name.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FOLDER = '/usr/share/sipvicious';
const DEADLINE_MS = 60_000;

export const isSipviciousMissing = !existsSync(FOLDER);

/** svwar and svcrack take `-b` and bind to every address all the same. */
const BIND = `
import socket, sys
bind_to = socket.socket.bind
socket.socket.bind = lambda s, place: bind_to(s, (sys.argv[2], place[1]))
`;

/** The tool by another User-Agent, and with another name in From. */
const DISGUISE = `
d = list(h.makeRequest.__defaults__)
d[d.index('friendly-scanner')] = 'Example Phone 1.0'
h.makeRequest.__defaults__ = tuple(d)
make = h.makeRequest
h.makeRequest = lambda *a, **k: make(*a, **k).replace('sipvicious', 'Example')
`;

/** What the tool printed, tables and log. */
export async function sipvicious(
  tool: 'svmap' | 'svwar' | 'svcrack',
  from: string,
  args: readonly string[],
  isDisguised = false,
): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'sv-'));
  const script = [
    BIND,
    `sys.path.insert(0, '${FOLDER}')`,
    'import sipvicious.libs.svhelper as h',
    isDisguised ? DISGUISE : '',
    `import sipvicious.${tool} as tool`,
    `sys.argv = ['${tool}'] + sys.argv[1:]`,
    'tool.main()',
  ].join('\n');
  const options = { timeout: DEADLINE_MS, env: { PATH: process.env.PATH ?? '', HOME: home } };
  try {
    return await new Promise((resolve) => {
      execFile('python3', ['-c', script, '-b', from, ...args], options, (_error, stdout, stderr) =>
        resolve(`${stdout}${stderr}`),
      );
    });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
