// The four transaction machines as data (RFC 3261 §17.1.1, §17.1.2, §17.2.1, §17.2.2 as amended by RFC 6026 §7 and §8).
import type { TransactionTable } from './machine.ts';

/** INVITE client, RFC 3261 §17.1.1, RFC 6026 §7.2; after a CANCEL timer B bounds the wait for a final answer (§9.1). */
export const inviteClient: TransactionTable = {
  kind: 'invite-client',
  rows: {
    initial: { request: ['calling', 'send', 'start-a', 'start-b'] },
    calling: {
      'timer-a': ['calling', 'resend', 'backoff-a'],
      'timer-b': ['terminated', 'report-timeout'],
      'transport-error': ['terminated', 'report-transport-error'],
      '1xx': ['proceeding', 'stop-a', 'stop-b', 'pass'],
      '2xx': ['accepted', 'stop-a', 'stop-b', 'start-m', 'pass'],
      '3xx-6xx': ['completed', 'stop-a', 'stop-b', 'send-ack', 'start-d', 'pass'],
    },
    proceeding: {
      cancel: ['proceeding', 'start-b'],
      'timer-b': ['terminated', 'report-timeout'],
      '1xx': ['proceeding', 'pass'],
      '2xx': ['accepted', 'stop-b', 'start-m', 'pass'],
      '3xx-6xx': ['completed', 'stop-b', 'send-ack', 'start-d', 'pass'],
    },
    completed: {
      '3xx-6xx': ['completed', 'send-ack'],
      'timer-d': ['terminated'],
      'transport-error': ['terminated', 'report-transport-error'],
    },
    accepted: {
      '2xx': ['accepted', 'pass'],
      'timer-m': ['terminated'],
    },
  },
};

/** INVITE server, RFC 3261 §17.2.1, RFC 6026 §7.1. */
export const inviteServer: TransactionTable = {
  kind: 'invite-server',
  rows: {
    initial: { request: ['proceeding', 'pass'] },
    proceeding: {
      request: ['proceeding', 'resend'],
      'tu-1xx': ['proceeding', 'send'],
      'tu-2xx': ['accepted', 'send', 'start-l'],
      'tu-3xx-6xx': ['completed', 'send', 'start-g', 'start-h'],
      'transport-error': ['terminated', 'report-transport-error'],
    },
    completed: {
      request: ['completed', 'resend'],
      ack: ['confirmed', 'stop-g', 'stop-h', 'start-i'],
      'timer-g': ['completed', 'resend', 'backoff-g'],
      'timer-h': ['terminated', 'report-timeout'],
      'transport-error': ['terminated', 'report-transport-error'],
    },
    confirmed: {
      request: ['confirmed'],
      ack: ['confirmed'],
      'timer-i': ['terminated'],
    },
    accepted: {
      request: ['accepted'],
      ack: ['accepted', 'pass'],
      'tu-2xx': ['accepted', 'send'],
      'timer-l': ['terminated'],
      'transport-error': ['accepted'],
    },
  },
};

/** Any other request's client, RFC 3261 §17.1.2. */
export const nonInviteClient: TransactionTable = {
  kind: 'non-invite-client',
  rows: {
    initial: { request: ['trying', 'send', 'start-e', 'start-f'] },
    trying: {
      'timer-e': ['trying', 'resend', 'backoff-e'],
      'timer-f': ['terminated', 'report-timeout'],
      'transport-error': ['terminated', 'report-transport-error'],
      '1xx': ['proceeding', 'pass'],
      '2xx': ['completed', 'stop-e', 'stop-f', 'start-k', 'pass'],
      '3xx-6xx': ['completed', 'stop-e', 'stop-f', 'start-k', 'pass'],
    },
    proceeding: {
      'timer-e': ['proceeding', 'resend', 'start-e-at-t2'],
      'timer-f': ['terminated', 'report-timeout'],
      'transport-error': ['terminated', 'report-transport-error'],
      '1xx': ['proceeding', 'pass'],
      '2xx': ['completed', 'stop-e', 'stop-f', 'start-k', 'pass'],
      '3xx-6xx': ['completed', 'stop-e', 'stop-f', 'start-k', 'pass'],
    },
    completed: {
      '1xx': ['completed'],
      '2xx': ['completed'],
      '3xx-6xx': ['completed'],
      'timer-k': ['terminated'],
    },
  },
};

/** Any other request's server, RFC 3261 §17.2.2. */
export const nonInviteServer: TransactionTable = {
  kind: 'non-invite-server',
  rows: {
    initial: { request: ['trying', 'pass'] },
    trying: {
      request: ['trying'],
      'tu-1xx': ['proceeding', 'send'],
      'tu-2xx': ['completed', 'send', 'start-j'],
      'tu-3xx-6xx': ['completed', 'send', 'start-j'],
    },
    proceeding: {
      request: ['proceeding', 'resend'],
      'tu-1xx': ['proceeding', 'send'],
      'tu-2xx': ['completed', 'send', 'start-j'],
      'tu-3xx-6xx': ['completed', 'send', 'start-j'],
      'transport-error': ['terminated', 'report-transport-error'],
    },
    completed: {
      request: ['completed', 'resend'],
      'timer-j': ['terminated'],
      'transport-error': ['terminated', 'report-transport-error'],
    },
  },
};
