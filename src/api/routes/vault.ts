// The vault, for administrators: how it stands, locked and unlocked, checked, and how long things are kept.
import type { Vault } from '../../vault/contract.ts';
import type { DrillStatus } from '../../vault/shapes.ts';
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { Done } from '../schemas.ts';
import type { CheckView } from '../schemas-vault.ts';
import { RulesView, UnlockAsk, VaultView } from '../schemas-vault.ts';
import { mailboxesOf } from './users.ts';

const done = { ok: true as const };

export function addVault(app: App, { vault, check, limits }: ApiContext): void {
  app.get('/api/vault', { schema: { response: { 200: VaultView } } }, () => vaultView(vault, check.view));
  app.post('/api/vault/lock', { schema: { response: { 200: Done } } }, async (request) => {
    await vault.ask('lock', { caller: visitOf(request).caller });
    return done;
  });
  const config = { rateLimit: { max: limits.login, timeWindow: 60_000 } };
  const unlock = { body: UnlockAsk, response: { 200: Done } };
  app.post('/api/vault/unlock', { schema: unlock, config }, async (request) => {
    await vault.ask('unlock', { caller: visitOf(request).caller, ...request.body });
    return done;
  });
  app.post('/api/vault/check', { schema: { response: { 200: Done } } }, async (request) => {
    check.begin(visitOf(request).caller);
    return done;
  });
  app.post('/api/vault/retention', { schema: { body: RulesView, response: { 200: Done } } }, async (request) => {
    await vault.ask('retention.set', { caller: visitOf(request).caller, rules: request.body });
    return done;
  });
}

async function vaultView(vault: Vault, check: CheckView): Promise<VaultView> {
  const [status, backups, drill, { rules }, { holds }, mailboxes] = await Promise.all([
    vault.ask('status', {}),
    vault.ask('backup.status', {}),
    vault.ask('drill.get', {}),
    vault.ask('retention.get', {}),
    vault.ask('hold.list', {}),
    mailboxesOf(vault),
  ]);
  const { problems, slots, auditHead: _head, ...state } = status;
  const { places, ...classes } = rules;
  return {
    ...state,
    service: 'open',
    problems: [...problems],
    slots: [...slots],
    backups: backups.targets.map(({ until: _until, ...target }) => target),
    disposalsWaiting: backups.disposalsWaiting,
    drill: drillView(drill),
    rules: { ...classes, ...(places !== undefined && { places: { ...places } }) },
    mailboxes,
    holds: holds.map(({ id, subjects, reason, placedAt }) => ({ id, subjects: [...subjects], reason, placedAt })),
    check,
  };
}

function drillView({ everyDays, last }: DrillStatus): VaultView['drill'] {
  if (last === undefined) return { everyDays };
  const { at, from, problems, restoreMs, checkMs, calls, artifacts, isLocked } = last;
  const tookMs = Math.round(restoreMs + checkMs);
  return { everyDays, last: { at, from, problems: [...problems], tookMs, calls, artifacts, isLocked } };
}
