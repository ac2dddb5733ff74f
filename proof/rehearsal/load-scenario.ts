import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { UsageError } from '../../lib/base/errors.ts';
import { namedScenarios } from './named-scenarios.ts';
import { type Scenario, scenarioSchema } from './scenario.ts';

export interface LoadedScenario {
  readonly name: string;
  readonly scenario: Scenario;
}

/** A scenario is a page of text at most. */
const bytesMax = 256 * 1024;

/**
 * The scenario that is meant: one that comes with Holdfast, or a JSON file (`scenarioSchema`; docs/rehearsals.md).
 * @throws UsageError when it is neither, or names the field that is wrong
 */
export async function loadScenario(nameOrFile: string, cwd: string): Promise<LoadedScenario> {
  const named = new Map<string, object>(Object.entries(namedScenarios)).get(nameOrFile);
  if (named !== undefined) return { name: nameOrFile, scenario: parse({ format: 1, ...named }, nameOrFile) };
  const file = resolve(cwd, nameOrFile);
  return { name: basename(file, '.json'), scenario: parse(await readJson(file, nameOrFile), nameOrFile) };
}

async function readJson(file: string, typed: string): Promise<unknown> {
  let text: string;
  try {
    const found = await stat(file);
    // A device or a pipe has no size, and may never end.
    if (!found.isFile())
      throw new UsageError('a scenario is a file, and this is no file.', { facts: { file } });
    if (found.size > bytesMax)
      throw new UsageError('a scenario is no larger than 256 KiB.', { facts: { file } });
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`there is no scenario \`${typed}\`, and no such file.`, {
      hint: `Scenarios by name: ${Object.keys(namedScenarios).join(', ')}.`,
      cause,
    });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError('a scenario is a JSON document.', { facts: { file }, cause });
  }
}

function parse(document: unknown, at: string): Scenario {
  const result = scenarioSchema.safeParse(document);
  if (!result.success) {
    const [issue] = result.error.issues;
    const path = issue?.path.join('.') ?? '';
    throw new UsageError(`scenario \`${at}\`${path === '' ? '' : `, ${path}`}: ${issue?.message}.`, {
      hint: 'What a scenario may say: docs/rehearsals.md',
    });
  }
  const { heartbeatSeconds, visibilitySeconds, events, faults, workers } = result.data;
  if (visibilitySeconds < 3 * heartbeatSeconds)
    throw new UsageError(`scenario \`${at}\`: a ticket must stay hidden for at least three heartbeats.`, {
      facts: { heartbeatSeconds, visibilitySeconds },
    });
  if (events.length === 0 && Object.keys(faults).length === 0)
    throw new UsageError(`scenario \`${at}\`: nothing happens in it.`, {
      hint: 'Give it events or faults: docs/rehearsals.md',
    });
  if (workers < 2 && events.some((event) => event.do === 'freeze'))
    throw new UsageError(
      `scenario \`${at}\`: a machine stands still until another one has taken its job, and there is no other.`,
      { hint: 'Say `"workers": 2`.' },
    );
  return result.data;
}
