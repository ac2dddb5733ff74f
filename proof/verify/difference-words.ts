import type { OutsideDifference } from './outside-differences.ts';
import type { ProgramSource } from './program-source.ts';
import type { Seen } from './trace/trace-record.ts';

/** The `state` name that a path begins with. */
export function entryOf(name: string): string {
  return name.split('.')[0] ?? name;
}

export function lastOf(name: string): string {
  return name.replace(/#2$/, '').split('.').at(-1) ?? name;
}

export function declaredAt(source: ProgramSource, name: string): string {
  const place = source.declarationOf(name);
  return place === undefined ? '' : ` (${place})`;
}

export function valuesInWords(difference: OutsideDifference): string {
  return `\`${lastOf(difference.name)}\` ${wereAfterResume(difference)}`;
}

export function wereAfterResume({ expected, found }: OutsideDifference): string {
  return `was ${shown(expected)} in the run that was left alone and is ${shown(found)} after the resume`;
}

/** Also what a generator has before it is first asked. */
export function shown(value: Seen | undefined): string {
  return value === undefined || value.shown === 'undefined' ? 'nothing yet' : value.shown;
}

export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

export function list(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}
