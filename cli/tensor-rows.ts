import type { TensorDifference } from '../lib/checkpoint/compare-tensors.ts';
import type { TensorChange } from '../lib/checkpoint/tensor-change.ts';
import type { FileDifference } from '../lib/client/diff-files.ts';
import { formatNumber } from './format.ts';
import type { Column } from './table.ts';

export interface TensorRow {
  /** The state, or the file, that it belongs to. */
  readonly owner: string;
  readonly tensor: TensorDifference;
}

/** Every tensor that was told apart: what came, went or took another shape first, then what changed most. */
export function tensorRows(files: readonly FileDifference[]): readonly TensorRow[] {
  return files
    .flatMap(({ state, path, tensors }) =>
      (tensors ?? []).map((tensor) => ({ owner: state ?? path, tensor })),
    )
    .toSorted((left, right) => weightOf(right.tensor) - weightOf(left.tensor));
}

/** Names last: they are the longest, and a terminal that is too narrow cuts or wraps only them. */
export const tensorColumns: readonly Column<TensorRow>[] = [
  { title: 'RELATIVE', value: ({ tensor }) => relativeText(tensor), align: 'right' },
  { title: 'L2', value: ({ tensor }) => ofChange(tensor, ({ l2 }) => formatNumber(l2)), align: 'right' },
  {
    title: 'MAX CHANGE',
    value: ({ tensor }) => ofChange(tensor, ({ maxAbs }) => formatNumber(maxAbs)),
    align: 'right',
  },
  { title: 'CHANGED', value: ({ tensor }) => ofChange(tensor, shareText), align: 'right' },
  { title: 'TENSOR', value: ({ owner, tensor }) => `${owner} ${tensor.name}${noteOf(tensor)}` },
];

function weightOf(tensor: TensorDifference): number {
  if (tensor.kind === 'unchanged') return -1;
  return tensor.kind === 'changed' ? (tensor.change.relative ?? Infinity) : Infinity;
}

function relativeText(tensor: TensorDifference): string {
  return tensor.kind === 'changed'
    ? tensor.change.relative === null
      ? 'from 0'
      : formatNumber(tensor.change.relative)
    : tensor.kind;
}

function ofChange(tensor: TensorDifference, text: (change: TensorChange) => string): string {
  return tensor.kind === 'changed' ? text(tensor.change) : '';
}

function shareText({ changedElements, elements }: TensorChange): string {
  const percent = (100 * changedElements) / elements;
  return percent < 0.1 ? '< 0.1 %' : `${Number(percent.toFixed(1))} %`;
}

function noteOf(tensor: TensorDifference): string {
  switch (tensor.kind) {
    case 'unchanged':
      return '';
    case 'added':
      return ` ${factsText(tensor.b)}`;
    case 'removed':
      return ` ${factsText(tensor.a)}`;
    case 'reshaped':
      return ` ${factsText(tensor.a)} → ${factsText(tensor.b)}`;
    case 'changed':
      return nonFiniteText(tensor.change);
  }
}

function factsText({ dtype, shape }: { readonly dtype: string; readonly shape: readonly number[] }): string {
  return `${dtype} [${shape.join(', ')}]`;
}

/** Numbers that are none deserve a word wherever they stand. */
function nonFiniteText({ nan, infinite }: TensorChange): string {
  const notes = [
    ...(nan.a + nan.b === 0 ? [] : [`NaN: ${nan.a} → ${nan.b}`]),
    ...(infinite.a + infinite.b === 0 ? [] : [`infinite: ${infinite.a} → ${infinite.b}`]),
  ];
  return notes.length === 0 ? '' : `  (${notes.join(', ')})`;
}
