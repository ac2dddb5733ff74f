import { UserProgramError } from '../base/errors.ts';
import { nearestName } from '../training/nearest-name.ts';
import type { Entry } from './entries/entry.ts';

/**
 * The states that no checkpoint of this job holds, in the order of the program.
 * @throws UserProgramError for a name that `state` has not, or for one of two names of the same object
 */
export function omittedStates(entries: readonly Entry[], omit: readonly string[]): ReadonlySet<string> {
  const known = entries.map(({ name }) => name);
  for (const name of omit) {
    if (known.includes(name)) continue;
    const nearest = nearestName(name, known);
    throw new UserProgramError(
      `the job omits \`${name}\` from its checkpoints, but \`state\` has no such name.${nearest === undefined ? '' : ` Did you mean \`${nearest}\`?`}`,
      { hint: `It has ${known.map((one) => `\`${one}\``).join(', ')}.` },
    );
  }
  const omitted = new Set(known.filter((name) => omit.includes(name)));
  for (const entry of entries) if (!omitted.has(entry.name)) refuseHalf(entry, omitted);
  return omitted;
}

/** What lies in the files of another state would be missing, although its own name was not omitted. */
function refuseHalf(entry: Entry, omitted: ReadonlySet<string>): void {
  if (entry.kind !== 'alias') return;
  const { name } = entry;
  const of = String(entry.capture().document.value);
  const owner = [...omitted].find((one) => of === one || of === `${one}.optimizer`);
  if (owner === undefined) return;
  throw new UserProgramError(
    `the job omits \`${owner}\` from its checkpoints, but \`${name}\` in \`state\` is the same object as ${of}.`,
    { hint: 'Omit both, or neither.' },
  );
}
