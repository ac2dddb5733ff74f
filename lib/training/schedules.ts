/** A learning rate, or any other number, as a function of completed steps: nothing to save. */
export type Schedule = (step: number) => number;

export interface CosineOptions {
  /** The value at the end of the warm-up. */
  readonly peak: number;
  /** Steps until `floor` is reached, warm-up included. */
  readonly steps: number;
  /** Steps of linear growth from `peak / warmup` to `peak`. @default 0 */
  readonly warmup?: number;
  /** @default 0 */
  readonly floor?: number;
}

/** Linear warm-up to `peak`, then half a cosine to `floor` at `steps` (Loshchilov and Hutter, 2016). */
export function cosine(options: CosineOptions): Schedule {
  const { peak, steps, warmup = 0, floor = 0 } = options;
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / warmup;
    const done = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
    return floor + (peak - floor) * 0.5 * (1 + Math.cos(Math.PI * done));
  };
}
