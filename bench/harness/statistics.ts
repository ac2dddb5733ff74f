/** Half of the values lie below it; the mean of the two in the middle where their number is even. NaN for none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Linear between the two nearest ranks. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].toSorted((left, right) => left - right);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** How far the middle half of same-versus-same ratios lies from 1: what a difference must exceed to mean anything here. */
export function controlSpread(control: readonly number[]): number {
  return Math.max(Math.abs(quantile(control, 0.25) - 1), Math.abs(quantile(control, 0.75) - 1));
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Each value by the peer of its own run. */
export function ratios(values: readonly number[], peers: readonly number[]): readonly number[] {
  return values.map((value, at) => value / (peers[at] ?? Number.NaN));
}
