import type { AttemptEnd } from '../lib/client/attempts.ts';
import { headline } from '../lib/ledger/headline.ts';

const words: Readonly<Record<AttemptEnd['kind'], string>> = {
  interrupted: 'interrupted',
  error: 'failed',
  infrastructure: 'the trainer was lost',
  hung: 'hung, and was stopped',
  handover: 'handed over',
  silence: 'the machine was lost without notice',
  completed: 'completed',
  failed: 'failed for good',
  paused: 'paused',
  cancelled: 'cancelled',
};

/** Kinds whose message adds something that the kind does not say. */
const explained: ReadonlySet<AttemptEnd['kind']> = new Set([
  'interrupted',
  'error',
  'infrastructure',
  'failed',
]);

/** `── interrupted (Spot interruption notice) · resumed from step 4200 ──` */
export function rulerText(ruler: {
  readonly end: AttemptEnd;
  readonly resumedFromStep: number | null;
}): string {
  const { end, resumedFromStep } = ruler;
  const message = headline(end.message);
  const cause = explained.has(end.kind) && message !== '' ? ` (${message})` : '';
  const resumed = resumedFromStep === null ? 'not resumed yet' : `resumed from step ${resumedFromStep}`;
  return `── ${words[end.kind]}${cause} · ${resumed} ──`;
}
