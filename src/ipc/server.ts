// The listening side of a link: a unix socket of mode 0600 in the 0700 runtime folder; a peer says hello with the token first.
import { createHash, timingSafeEqual } from 'node:crypto';
import { chmodSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import type { Clock } from '../kernel/clock.ts';
import type { Handler, NoticeHandler } from './link.ts';
import { Link } from './link.ts';

export interface LinkServerOptions {
  readonly path: string;
  /** The tokens that are let in, by role. A role that is not listed is refused. */
  readonly tokens: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly onRequest: Handler;
  readonly onNotice?: NoticeHandler;
  readonly onConnect?: (link: Link) => void;
}

/** How long a peer may take to say hello. */
const HELLO_DEADLINE_MS = 2_000;

export class LinkServer implements AsyncDisposable {
  readonly links = new Set<Link>();
  readonly #server: Server;
  readonly #path: string;

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  static async listen(options: LinkServerOptions): Promise<LinkServer> {
    rmSync(options.path, { force: true });
    const server = createServer();
    const self = new LinkServer(server, options.path);
    server.on('connection', (socket) => self.#welcome(new Link(socket, options), options));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.path, () => resolve());
    });
    chmodSync(options.path, 0o600);
    return self;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const link of this.links) link[Symbol.dispose]();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.#path, { force: true });
  }

  #welcome(link: Link, { clock, tokens, onConnect }: LinkServerOptions): void {
    this.links.add(link);
    void link.closed.then(() => this.links.delete(link));
    const timer = clock.after(HELLO_DEADLINE_MS, () => link[Symbol.dispose]());
    link.expectHello((hello) => {
      timer[Symbol.dispose]();
      const token = Object.hasOwn(tokens, hello.role) ? tokens[hello.role] : undefined;
      if (hello.protocol !== 1 || token === undefined || !isSame(token, hello.token)) {
        link[Symbol.dispose]();
        return;
      }
      link.role = hello.role;
      onConnect?.(link);
    });
  }
}

function isSame(expected: string, given: unknown): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return typeof given === 'string' && timingSafeEqual(digest(expected), digest(given));
}
