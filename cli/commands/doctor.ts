import { isOnAws } from '../../lib/client/aws-region.ts';
import type { CheckResult, CheckStatus } from '../../lib/client/doctor/check.ts';
import { runChecks } from '../../lib/client/doctor/run-checks.ts';
import { openRegion, type Region } from '../../lib/client/region.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { CliContext, Command } from '../context.ts';
import { listChecks } from '../doctor/list-checks.ts';
import type { Colors } from '../terminal.ts';
import { isMissing, placeOf } from '../with-region.ts';

/** `holdfast doctor`: looks at everything that a job rests on, mends tickets that were lost, and says what to do. */
export const doctor: Command<object> = async (context) => {
  const { terminal, clock, random } = context;
  const place = await placeOf(context);
  let opened: Promise<Region> | undefined;
  const region = (): Promise<Region> => (opened ??= openRegion(place, { clock, random }));
  const aws = isOnAws(place)
    ? (await import('../doctor/aws-checks.ts')).awsChecks(place, { clock })
    : undefined;
  try {
    const checks = await listChecks({ context, place, region, isUntouched: isMissing(place), aws });
    const results = await runChecks(checks, { clock, signal: context.untilInterrupted() });
    const ok = results.every(({ status }) => status !== 'fail');
    if (terminal.json) terminal.printJson({ ok, checks: results });
    else print(context, results);
    return ok ? exitCodes.ok : exitCodes.checkFailed;
  } finally {
    aws?.close();
    await closed(opened);
  }
};

/** A region that did not open was told by the check that asked for it. */
async function closed(opened: Promise<Region> | undefined): Promise<void> {
  const region = await opened?.catch(() => undefined);
  await region?.close();
}

function print({ terminal }: CliContext, results: readonly CheckResult[]): void {
  const width = Math.max(...results.map(({ name }) => name.length));
  for (const { name, status, message, next } of results) {
    terminal.print(`${paint(terminal.colors, status)}  ${name.padEnd(width)}  ${message}`);
    if (next !== null) terminal.print(`      ${' '.repeat(width)}  next: ${next}`);
  }
  const count = (status: CheckStatus): number => results.filter((result) => result.status === status).length;
  terminal.say(
    `${count('pass')} passed, ${count('warn')} to look at, ${count('fail')} failed, ${count('skip')} skipped.`,
  );
}

function paint(colors: Colors, status: CheckStatus): string {
  switch (status) {
    case 'pass':
      return colors.green(status);
    case 'warn':
      return colors.yellow(status);
    case 'fail':
      return colors.red(status);
    case 'skip':
      return colors.dim(status);
  }
}
