/**
 * The one place where types are believed instead of proved. TensorFlow.js keeps what exact state needs (optimizer slots,
 * states of recurrent layers, the engine's table of tensors) in private or loosely typed fields.
 */

/** `value`, seen as a type that only a look into TensorFlow.js 4.22 can vouch for. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function seenAs<Type>(value: unknown): Type {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return value as Type;
}
