import type { Account } from '../../fleet/account.ts';
import { type Check, pass } from './check.ts';

/** Whose credentials the SDK found; everything else about AWS rests on it. */
export function checkCredentials(account: Pick<Account, 'identity'>): Check {
  return {
    name: 'credentials',
    async run(signal) {
      const { account: id, arn } = await account.identity(signal);
      return pass(`account ${id} as ${arn}`);
    },
  };
}
