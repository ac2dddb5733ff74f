import { type DeadLetterList, listDeadLetters } from '../../lib/client/dead-letters.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { DeadLetter } from '../../lib/queue/job-queue.ts';
import type { Command } from '../context.ts';
import { formatAge } from '../format.ts';
import { type Column, table } from '../table.ts';
import { isUntouched, withRegion } from '../with-region.ts';

const none: DeadLetterList = { deadLetters: [], isComplete: true };

/** `holdfast ls --dead-letters`: the messages that no worker could make sense of, and why. */
export const lsDeadLetters: Command<object> = async (context) => {
  const { terminal, clock } = context;
  const { deadLetters, isComplete } = (await isUntouched(context))
    ? none
    : await withRegion(context, listDeadLetters);
  if (terminal.json) {
    terminal.printJson({ deadLetters: deadLetters.map(documentOf), isComplete });
  } else if (deadLetters.length === 0) {
    terminal.suggest('No dead letters.');
  } else {
    for (const line of table(deadLetters, columns(clock.now()), terminal.colors.bold)) terminal.print(line);
    terminal.suggest('`holdfast retry --dead-letter ID` sends one once more.');
  }
  if (!isComplete) terminal.say(`These are ${deadLetters.length}; there may be more.`);
  return exitCodes.ok;
};

function documentOf({ messageId, reason, since, receiveCount, excerpt }: DeadLetter): object {
  return {
    messageId,
    reason: reason ?? null,
    since: since.toISOString(),
    receiveCount: receiveCount ?? null,
    excerpt,
  };
}

/** What a line shows of a text; `--json` tells more. */
const cellMax = 60;
const clipped = (text: string): string =>
  text.length <= cellMax ? text : `${text.slice(0, cellMax - 1).trimEnd()}…`;

function columns(now: Date): readonly Column<DeadLetter>[] {
  return [
    { title: 'ID', value: ({ messageId }) => messageId },
    { title: 'AGE', value: ({ since }) => formatAge(since, now), align: 'right' },
    { title: 'RECEIVES', value: ({ receiveCount }) => String(receiveCount ?? '-'), align: 'right' },
    { title: 'REASON', value: ({ reason }) => clipped(reason ?? 'received too often') },
    { title: 'BODY', value: ({ excerpt }) => clipped(excerpt) },
  ];
}
