// The door of every route: the session behind the cookie, the role the table asks for, and where an unsafe request came from.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { WardlineError } from '../kernel/errors.ts';
import type { Caller, SessionInfo } from '../vault/shapes.ts';
import type { ApiContext } from './context.ts';
import { access, isAllowed } from './permissions.ts';

export const COOKIE = '__Host-wardline';
/** Milliseconds until the session ends, on every answer that had one, for the console's notice. */
export const ENDS_HEADER = 'wardline-session-ends-in';
/** A poll by the page, not an act of the person: it does not keep the session alive. */
export const BACKGROUND_HEADER = 'wardline-background';

const cookieOptions = { path: '/', httpOnly: true, secure: true, sameSite: 'strict' } as const;

/** A session as the routes see it. */
export interface Visit extends SessionInfo {
  readonly token: string;
  readonly caller: Caller;
}

declare module 'fastify' {
  interface FastifyRequest {
    visit: Visit | undefined;
  }
}

/** Puts the guard before every route under `/api`. */
export function addGuard(app: FastifyInstance, context: ApiContext): void {
  app.decorateRequest('visit', undefined);
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) {
      if (one === 'HEAD' || one === 'OPTIONS' || !url.startsWith('/api')) continue;
      if (access[`${one} ${url}`] === undefined) throw new Error(`${one} ${url} is in no row of permissions.ts`);
    }
  });
  app.addHook('onRequest', async (request, reply) => {
    // The route that was found counts: a path can be written in many ways.
    const route = request.routeOptions.url ?? '';
    if (!route.startsWith('/api/') && !request.url.startsWith('/api/')) return;
    reply.header('cache-control', 'no-store');
    refuseForeignOrigin(request, context.hostName);
    await letIn(request, reply, context);
  });
}

async function letIn(request: FastifyRequest, reply: FastifyReply, { vault, clock }: ApiContext): Promise<void> {
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const rule = access[`${method} ${request.routeOptions.url}`] ?? 'person';
  if (rule === 'open') return;
  const token = request.cookies[COOKIE] ?? '';
  if (!/^[A-Za-z0-9_-]{20,128}$/.test(token)) throw noSession();
  const isBackground = request.headers[BACKGROUND_HEADER] !== undefined;
  const session = await vault.ask('session.check', {
    sessionToken: token,
    address: addressOf(request),
    ...(isBackground && { isBackground }),
  });
  if (!isAllowed(rule, session.user)) {
    throw new WardlineError('forbidden', 'Your account may not see this. Ask an administrator if you need it.');
  }
  const { id, login } = session.user;
  request.visit = { ...session, token, caller: { actor: { kind: 'user', id, login }, address: addressOf(request) } };
  reply.header(ENDS_HEADER, Math.max(0, session.expiresAt - clock.now()));
}

/** The session of a route that needs one. */
export function visitOf(request: FastifyRequest): Visit {
  if (request.visit === undefined) throw noSession();
  return request.visit;
}

export function startVisit(reply: FastifyReply, token: string): void {
  reply.setCookie(COOKIE, token, cookieOptions);
}

export function endVisit(reply: FastifyReply): void {
  reply.clearCookie(COOKIE, cookieOptions);
}

/** Where a request came from, for the trail; an IPv4 address as such, also on a socket that takes both kinds. */
export function addressOf({ ip }: FastifyRequest): string {
  return ip.replace(/^::ffff:(?=\d+\.)/, '');
}

function noSession(): WardlineError {
  return new WardlineError('no-session', 'You are logged out. Log in to go on.');
}

/**
 * Refuses an unsafe request that a page of another origin sent: browsers put `Origin` on each of them, and SameSite=Strict
 * stands beside this. The origin has to be the very host that was asked, and that host has to be ours.
 */
function refuseForeignOrigin(request: FastifyRequest, hostName: string): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const origin = request.headers.origin;
  const isSame = origin !== undefined && origin === `https://${request.headers.host}`;
  if (isSame && isOurHost(new URL(origin).hostname, request, hostName)) return;
  throw new WardlineError('cross-origin', 'This request came from another site and was not done.');
}

function isOurHost(host: string, request: FastifyRequest, hostName: string): boolean {
  const local = request.socket.localAddress?.replace('::ffff:', '');
  return [hostName, 'localhost', '127.0.0.1', '[::1]', local, `[${local}]`].includes(host);
}
