/** Recordings of Spot machines, in the formats in which they are published. Pure: text in, traces out. */
import { UsageError } from '../base/errors.ts';
import { type CountChange, type Trace, tracesOfCounts, type UpInterval } from './trace.ts';

/** What a 1 stands for in a recording of zeros and ones: publishers disagree. */
export type OnesMean = 'available' | 'unavailable';

export interface TraceFile {
  /** For messages, and for the names of its traces. */
  readonly name: string;
  readonly text: string;
}

export interface ParsedFile {
  readonly traces: readonly Trace[];
  /** How the file was understood, where that was a choice. */
  readonly note: string | undefined;
}

/**
 * Three formats, known by what is in the file:
 * - JSON `{"metadata": {"gap_seconds": 600}, "data": [0, 1, …]}`: one number of machines for each tick; or, where 1 means
 *   unavailable, zeros and ones. Cuts of other recordings (`original_trace`) are known to mean that, numbers above 1 the other;
 *   a file that shows neither is refused unless `ones` tells.
 * - lines `milliseconds,add|remove,node`: machines by name. A machine that comes takes the first slot that is free.
 * - lines `date, time, machines`: numbers of machines. A line with an earlier time than the one before it corrects what
 *   was said of the time since.
 * @throws UsageError naming the file and the line or place
 */
export function parseTrace(file: TraceFile, ones?: OnesMean): ParsedFile {
  const text = file.text.trimStart();
  if (text.startsWith('{')) return parseTicks(file, ones);
  const lines = file.text.split('\n').flatMap((line, index) => {
    const trimmed = line.trim();
    return trimmed === '' ? [] : [{ text: trimmed, number: index + 1 }];
  });
  const [first] = lines;
  if (first === undefined) throw malformed(file.name, 'is empty');
  if (/^\d+,(?:add|remove),/.test(first.text))
    return { traces: parseMachines(file.name, lines), note: undefined };
  return { traces: parseCounts(file.name, lines), note: undefined };
}

interface TextLine {
  readonly text: string;
  readonly number: number;
}

/** Longer recordings are no recordings: 64 years of seconds. */
const ticksMax = 2e9;

function parseTicks({ name, text }: TraceFile, ones: OnesMean | undefined): ParsedFile {
  const document = parseJson(name, text);
  const gap: unknown = isRecord(document['metadata']) ? document['metadata']['gap_seconds'] : undefined;
  const data: unknown = document['data'];
  if (typeof gap !== 'number' || !(gap > 0) || gap > ticksMax)
    throw malformed(name, '`metadata.gap_seconds` is no number of seconds');
  if (!Array.isArray(data) || data.length === 0) throw malformed(name, '`data` is no list of numbers');
  const counts = data.map((value: unknown, index) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
      throw malformed(name, `\`data[${index}]\` is no number of machines: ${JSON.stringify(value)}`);
    return value;
  });
  const { meaning, note } = meaningOf(name, { ones, isCut: 'original_trace' in document, counts });
  const changes = counts.map((value, index) => ({
    atSeconds: index * gap,
    count: meaning === 'available' ? value : 1 - Math.min(1, value),
  }));
  return { traces: tracesOfCounts(name, changes, counts.length * gap), note };
}

function meaningOf(
  name: string,
  facts: { readonly ones: OnesMean | undefined; readonly isCut: boolean; readonly counts: readonly number[] },
): { readonly meaning: OnesMean; readonly note: string | undefined } {
  const { ones, isCut, counts } = facts;
  const holdsNumbers = counts.some((count) => count > 1);
  if (holdsNumbers && ones === 'unavailable')
    throw malformed(name, 'holds numbers above 1, which can only be numbers of machines');
  if (ones !== undefined) return { meaning: ones, note: undefined };
  if (holdsNumbers) return { meaning: 'available', note: undefined };
  if (isCut)
    return {
      meaning: 'unavailable',
      note: '1 was taken to mean unavailable, as in recordings that name their `original_trace`',
    };
  throw new UsageError(`${name} does not tell whether 1 means that a machine is there or that it is not.`, {
    hint: 'Say `--ones available` (numbers of machines) or `--ones unavailable` (preempted); publishers disagree.',
  });
}

function parseJson(name: string, text: string): Readonly<Record<string, unknown>> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    // Node.js tells the place of most mistakes, and of some only the text around it.
    const place = /position (\d+)/.exec(String(error))?.[1];
    const line = place === undefined ? '' : `, line ${text.slice(0, Number(place)).split('\n').length}`;
    throw malformed(`${name}${line}`, 'is no JSON', error);
  }
  if (!isRecord(document)) throw malformed(name, 'is no JSON object');
  return document;
}

function parseMachines(name: string, lines: readonly TextLine[]): readonly Trace[] {
  const slots: Array<{ machine: string | undefined; since: number; intervals: UpInterval[] }> = [];
  let atSeconds = 0;
  const [, beginMs = '0'] = /^(\d+)/.exec(lines[0]?.text ?? '') ?? [];
  for (const { text, number } of lines) {
    const [, ms, what, machine] = /^(\d+),(add|remove),(\S+)$/.exec(text) ?? [];
    const place = `${name}, line ${number}`;
    if (ms === undefined || machine === undefined)
      throw malformed(place, `is not \`milliseconds,add|remove,machine\`: ${text}`);
    const seconds = (Number(ms) - Number(beginMs)) / 1_000;
    if (seconds < atSeconds) throw malformed(place, 'is earlier than the line before it');
    atSeconds = seconds;
    const held = slots.find((slot) => slot.machine === machine);
    if (what === 'add') {
      if (held !== undefined) throw malformed(place, `adds ${machine}, which is there already`);
      const free = slots.find((slot) => slot.machine === undefined);
      if (free === undefined) slots.push({ machine, since: seconds, intervals: [] });
      else Object.assign(free, { machine, since: seconds });
    } else {
      if (held === undefined) throw malformed(place, `removes ${machine}, which is not there`);
      held.machine = undefined;
      if (seconds > held.since)
        held.intervals.push({ fromSeconds: held.since, toSeconds: seconds, end: 'interrupted' });
    }
  }
  return slots.map(({ machine, since, intervals }, index) => ({
    name: `${name}#${index + 1}`,
    spanSeconds: atSeconds,
    intervals:
      machine !== undefined && atSeconds > since
        ? [...intervals, { fromSeconds: since, toSeconds: atSeconds, end: 'open' }]
        : intervals,
  }));
}

function parseCounts(name: string, lines: readonly TextLine[]): readonly Trace[] {
  const changes: CountChange[] = [];
  let begin: number | undefined;
  for (const { text, number } of lines) {
    const [, date, time, machines] = /^(\d{4}-\d\d-\d\d),\s*(\d\d:\d\d:\d\d),\s*(\d+)$/.exec(text) ?? [];
    const at = Date.parse(`${date}T${time}Z`) / 1_000;
    if (!Number.isFinite(at))
      throw malformed(
        `${name}, line ${number}`,
        `is neither JSON nor \`date, time, machines\`: ${text.slice(0, 60)}`,
      );
    begin ??= at;
    const atSeconds = at - begin;
    if (atSeconds < 0) throw malformed(`${name}, line ${number}`, 'is earlier than the first line');
    while ((changes.at(-1)?.atSeconds ?? -1) >= atSeconds) changes.pop();
    changes.push({ atSeconds, count: Number(machines) });
  }
  return tracesOfCounts(name, changes, changes.at(-1)?.atSeconds ?? 0);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(place: string, what: string, cause?: unknown): UsageError {
  return new UsageError(`${place} ${what}.`, {
    hint: 'Recordings are JSON with `metadata.gap_seconds` and `data`, or lines `milliseconds,add|remove,machine` or `date, time, machines`.',
    cause,
  });
}
