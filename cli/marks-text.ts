import type { ListedCheckpoint } from '../lib/client/list-checkpoints.ts';
import { formatNumber } from './format.ts';

/** What is particular about a checkpoint, in one cell. */
export function marksText({ marks, best, quarantined }: ListedCheckpoint): string {
  return marks
    .map((mark) => {
      if (mark === 'best' && best !== undefined) return `best ${best.metric} ${formatNumber(best.value)}`;
      return mark === 'quarantined' ? `quarantined: ${quarantined}` : mark;
    })
    .join(', ');
}
