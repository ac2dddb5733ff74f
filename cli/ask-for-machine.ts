import { HoldfastError, messageOf } from '../lib/base/errors.ts';
import { withTimeLimit } from '../lib/base/time-limit.ts';
import { type Raise, raiseCapacity } from '../lib/client/raise-capacity.ts';
import type { Region } from '../lib/client/region.ts';
import type { CliContext } from './context.ts';

/** Three calls, each of which answers within a second as a rule. */
const limitMs = 10_000;

/**
 * Asks a deployment for a machine for a job that was just queued, and says so. A failure is a warning: the job is queued, and
 * the alarm of the queue brings a machine, only later.
 * @param options.isNew a ticket was sent that the queue may not count yet
 */
export async function askForMachine(
  { terminal, clock }: CliContext,
  region: Region,
  { isNew }: { readonly isNew: boolean },
): Promise<Raise | null> {
  try {
    const raise = await withTimeLimit((signal) => raiseCapacity(region, { jobsMin: isNew ? 1 : 0, signal }), {
      clock,
      limitMs,
      what: 'the request for a machine',
    });
    const text = raiseText(raise);
    if (text !== undefined) terminal.suggest(text);
    return raise;
  } catch (error) {
    const hint = error instanceof HoldfastError && error.hint !== undefined ? ` (${error.hint})` : '';
    terminal.say(`warning: no instance could be asked for: ${messageOf(error)}${hint}`);
    terminal.say(
      '  next: nothing; the alarm of the queue starts one within 15 minutes. `holdfast doctor` looks for the cause.',
    );
    return null;
  }
}

function raiseText(raise: Raise): string | undefined {
  switch (raise.outcome) {
    case 'raised':
      return `Asked for an instance (${raise.desired} of at most ${raise.max}). \`holdfast fleet\` shows when it is there.`;
    case 'at-maximum':
      return `All ${raise.desired} instances that the deployment may have are taken; the job waits for one.`;
    case 'enough':
    case 'not-elastic':
      return undefined;
  }
}
