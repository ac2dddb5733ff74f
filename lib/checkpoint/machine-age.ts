/** Young machines are lost more often than old ones. Pure. */

/**
 * Shape of the Weibull distribution that fits the up-times of recorded Spot machines: their quartiles of 10, 30 and 100
 * minutes give 0.6 to 0.8, their mean of 157 minutes a heavier tail. An exponential one would have 1.
 */
const shape = 0.6;
/** Γ(1 + 1/0.6): the mean of that distribution in units of its scale. */
const meanOverScale = 1.5046;

/** The first minute says nothing: a boot that succeeds is not lost at once. */
const ageSecondsMin = 60;

/**
 * The mean time between losses that a machine of this age is exposed to now: 1 ÷ hazard,
 * `(λ / k) (age / λ)^(1 − k)` with the scale `λ` that gives the mean. Seconds.
 */
export function lossEverySecondsAt(ageSeconds: number, meanSeconds: number): number {
  const scale = meanSeconds / meanOverScale;
  return (scale / shape) * (Math.max(ageSeconds, ageSecondsMin) / scale) ** (1 - shape);
}
