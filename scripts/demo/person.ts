// A person for a moment: the vault shows what people said to persons alone, so the demo enrols one, with a second factor, and removes the account.
import { randomBytes } from 'node:crypto';
import { TOTP } from 'otpauth';
import type { Vault } from '../../src/vault/contract.ts';
import type { Caller } from '../../src/vault/shapes.ts';

export interface MomentaryPerson extends AsyncDisposable {
  readonly caller: Caller;
  /** Shown to another link of the same kind, it stands for this person there. */
  readonly sessionToken: string;
}

/** `local` is whoever runs the command line. All of it is on record. */
export async function enrolPerson(vault: Vault, local: Caller, address = 'command line'): Promise<MomentaryPerson> {
  const login = `demo-${randomBytes(4).toString('hex')}`;
  const name = 'Demonstration';
  const { userId, token } = await vault.ask('users.invite', {
    ...{ caller: local, login, name, roles: ['admin', 'auditor'], mailboxes: [] },
  });
  const { totpSecret } = await vault.ask('enrolment.begin', { token, address });
  const password = randomBytes(18).toString('base64url');
  const code = new TOTP({ secret: totpSecret }).generate();
  const { sessionToken } = await vault.ask('enrolment.finish', { token, password, code, address });
  return {
    caller: { actor: { kind: 'user', id: userId, login }, address },
    sessionToken,
    [Symbol.asyncDispose]: async () => void (await vault.ask('users.remove', { caller: local, userId })),
  };
}
