// Where an error becomes an HTTP status and one sentence; what is not known here is told as nothing but "went wrong".
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { codeOf, WardlineError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { ErrorView } from './schemas.ts';

/** Codes of ours whose own sentence is fit for the person who asked. */
const statuses: Readonly<Record<string, number>> = {
  'no-session': 401,
  'login-failed': 401,
  'locked-out': 429,
  'enrolment-invalid': 410,
  'enrolment-code': 422,
  'password-weak': 422,
  forbidden: 403,
  'cross-origin': 403,
  'not-found': 404,
  'range-unsatisfiable': 416,
  'records-locked': 423,
  'artifact-tampered': 409,
  'record-damaged': 409,
  'bad-number': 400,
  'bad-query': 400,
  'bad-note': 400,
  'bad-range': 400,
  'note-unknown': 404,
  'too-many-notes': 409,
  'not-allowed': 403,
  'on-hold': 409,
  'call-unknown': 404,
  'hold-unknown': 404,
  'no-such-user': 404,
  'login-taken': 409,
  'last-admin': 409,
  'own-account': 409,
  'too-many-users': 409,
  'check-running': 409,
  'vault-full': 409,
  'login-invalid': 422,
  'name-invalid': 422,
  'role-invalid': 422,
  'mailbox-invalid': 422,
  'wrong-secret': 422,
  'code-mistyped': 422,
  'too-many-guesses': 429,
  'bad-rule': 422,
  'vault-busy': 503,
  'login-busy': 503,
};

const VAULT_AWAY: ErrorView = {
  code: 'vault-away',
  message: 'The vault is not answering just now; calls go on. Try again in a moment.',
};
const gone: ErrorView = { code: 'not-found', message: 'This message is not here any more.' };
const away = new Set(['link-closed', 'deadline', 'link-busy']);

/** The status and body that answer `thrown`. */
export function answerTo(thrown: unknown): { status: number; body: ErrorView } {
  const code = codeOf(thrown);
  if (away.has(code)) return { status: 503, body: VAULT_AWAY };
  if (code === 'artifact-unknown') return { status: 404, body: gone };
  if (code === 'records-locked') {
    return { status: 423, body: { code, message: 'The records are locked. An administrator unlocks them first.' } };
  }
  const status = statuses[code];
  if (thrown instanceof WardlineError && status !== undefined)
    return { status, body: { code, message: thrown.message } };
  return answerToFastify(thrown, code);
}

function answerToFastify(thrown: unknown, code: string): { status: number; body: ErrorView } {
  const status = thrown instanceof Error && 'statusCode' in thrown ? Number(thrown.statusCode) : 500;
  if (status === 429) {
    return { status, body: { code: 'too-many-requests', message: 'Too many requests came from here; wait a minute.' } };
  }
  if (status >= 400 && status < 500) {
    const message = 'The request is not of the form that this address takes.';
    return { status, body: { code: code === 'internal' ? 'bad-request' : 'malformed', message } };
  }
  return {
    status: 500,
    body: { code: 'internal', message: 'Something went wrong in the appliance. Try again; tell IT if it stays so.' },
  };
}

/** Fastify's error handler: the log gets route, code and status, never a value that came in. */
export function errorHandler(logger: Logger) {
  return (thrown: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    const { status, body } = answerTo(thrown);
    if (status >= 500)
      logger.error({ route: request.routeOptions.url, status, code: codeOf(thrown) }, 'request failed');
    void reply.status(status).header('cache-control', 'no-store').send(body);
  };
}

export const notFound: ErrorView = { code: 'not-found', message: 'There is nothing at this address.' };
