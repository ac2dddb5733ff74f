/** Families whose GPUs the CUDA 11.8 libraries of TensorFlow.js drive: Turing, Ampere, Ada, Hopper. */
const families = ['g4dn', 'g5', 'g6', 'g6e', 'gr6', 'p4d', 'p4de', 'p5', 'p5e', 'p5en'] as const;

/** One GPU each, common in every region. Many pools of capacity make an interruption rare and a replacement quick. */
export const defaultInstanceTypes: readonly string[] = ['g4dn', 'g5', 'g6'].flatMap((family) => [
  `${family}.xlarge`,
  `${family}.2xlarge`,
]);

/** Newer than the libraries: CUDA 11 has no code for them. */
const blackwell = /^(?:g7|p6)/;

/** Why no job could run on this type (or pattern of types, as `g5.*`), in words; undefined when one can. */
export function unfitInstanceType(type: string): string | undefined {
  const match = /^([a-z]+\d[a-z0-9-]*)\.(\*|[a-z0-9-]+)$/.exec(type);
  if (match === null) return `\`${type}\` is not an instance type; write it as g5.xlarge`;
  const [, family = ''] = match;
  if (families.some((known) => known === family)) return undefined;
  return blackwell.test(family)
    ? `\`${type}\` has a Blackwell GPU, for which TensorFlow.js has no CUDA libraries (it needs CUDA 11)`
    : `\`${type}\` is of a family on which Holdfast is not known to run; take one of ${families.join(', ')}`;
}
