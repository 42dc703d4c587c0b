// The console's HTTPS server: the API's routes and the built console's files, with every answer under the same strict headers.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import serveFiles from '@fastify/static';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { fastify } from 'fastify';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/logger.ts';
import { TLS_CIPHERS } from '../kernel/tls-ciphers.ts';
import type { Vault } from '../vault/contract.ts';
import type { App } from './app.ts';
import { Hearings } from './audio/hearings.ts';
import type { ApiContext, ApplianceHealth, RateLimits } from './context.ts';
import { answerTo, errorHandler, notFound } from './errors.ts';
import { addGuard } from './guard.ts';
import { addRoutes } from './routes.ts';
import { securityHeaders } from './security-headers.ts';
import { VaultCheck } from './vault-check.ts';

export type { ApplianceHealth, RateLimits } from './context.ts';

export interface ApiOptions {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly address: { readonly host: string; readonly port: number };
  /** PEM. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly ca: string };
  /** The name in the console's URL and certificate. */
  readonly hostName: string;
  /** Where `scripts/build-console.ts` put the console. */
  readonly consoleFolder: string;
  readonly logger: Logger;
  readonly status: () => ApplianceHealth | Promise<ApplianceHealth>;
  readonly limits?: RateLimits;
}

export interface Api {
  /** `https://name:port`, with the port that was in fact opened. */
  readonly url: string;
  /** For new connections; those that stand go on. PEM. */
  setCertificate(tls: { readonly certificate: string; readonly key: string }): void;
  close(): Promise<void>;
}

/** The largest request: a login or a password, never more. */
const MAX_BODY_BYTES = 16 * 1024;
const REQUEST_TIMEOUT_MS = 15_000;
const MAX_CONNECTIONS = 512;
const defaultLimits: RateLimits = { all: 600, login: 20 };

/** Listens and answers once it does; rejects with Node's `EADDRINUSE` and the like. */
export async function createApi(options: ApiOptions): Promise<Api> {
  const { clock, address, hostName, logger } = options;
  const context: ApiContext = {
    ...options,
    limits: options.limits ?? defaultLimits,
    hearings: new Hearings(clock),
    check: new VaultCheck(options.vault, clock),
  };
  const app = newApp(options);
  app.setErrorHandler(errorHandler(logger));
  await app.register(helmet, securityHeaders(hostName));
  await app.register(cookie);
  await app.register(rateLimit, { max: context.limits.all, timeWindow: 60_000, cache: 10_000 });
  logRequests(app, logger);
  addGuard(app, context);
  addRoutes(app, context);
  await addConsole(app, options.consoleFolder);
  app.server.maxConnections = MAX_CONNECTIONS;
  await app.listen({ host: address.host, port: address.port });
  const bound = app.server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  return {
    url: `https://${hostName}${port === 443 ? '' : `:${port}`}`,
    setCertificate: (tls) => app.server.setSecureContext(secureContext(tls)),
    close: async () => app.close(),
  };
}

function secureContext({ certificate, key }: { readonly certificate: string; readonly key: string }) {
  return {
    cert: certificate,
    key,
    minVersion: 'TLSv1.2' as const,
    ciphers: TLS_CIPHERS.join(':'),
    honorCipherOrder: true,
  };
}

function newApp({ tls }: ApiOptions): App {
  return fastify({
    https: secureContext(tls),
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: REQUEST_TIMEOUT_MS * 4,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 64 },
    exposeHeadRoutes: false,
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      const { status, body } = answerTo(error);
      void reply.status(status).send(body);
    },
    ajv: { customOptions: { removeAdditional: false } },
  }).withTypeProvider<TypeBoxTypeProvider>();
}

/** One line a request: route, status and time. No URL, address or body, which could tell of people. */
function logRequests(app: App, logger: Logger): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    const ms = Math.round(reply.elapsedTime);
    logger.debug({ method: request.method, route, status: reply.statusCode, ms }, 'request');
  });
}

async function addConsole(app: App, folder: string): Promise<void> {
  const hasConsole = existsSync(join(folder, 'index.html'));
  if (hasConsole) {
    await app.register(serveFiles, {
      root: folder,
      index: ['index.html'],
      cacheControl: false,
      setHeaders: cacheFiles,
    });
  }
  app.setNotFoundHandler((request, reply) => {
    const isPage = request.method === 'GET' && !request.url.startsWith('/api') && !request.url.includes('.');
    if (!isPage) return reply.status(404).send(notFound);
    if (hasConsole) return reply.sendFile('index.html');
    return reply.status(503).type('text/plain').send('The console is not built yet. Run: npm run build\n');
  });
}

/** Vite puts a hash of the content into the name of every asset. */
function cacheFiles(reply: FastifyReply, path: string): void {
  const isHashed = path.includes('/assets/');
  void reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
}
