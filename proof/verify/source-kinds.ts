export type SourceKind = 'chance' | 'order' | 'clock' | 'machine';

/** What kind of thing a program asked for, by the name under which it was noted. */
export function sourceKind(source: string): SourceKind {
  if (/^(?:Math|crypto)\./.test(source)) return 'chance';
  if (source.startsWith('fs.')) return 'order';
  if (/^(?:new )?Date|^date\.|^performance\.|hrtime|uptime$/.test(source)) return 'clock';
  return 'machine';
}
