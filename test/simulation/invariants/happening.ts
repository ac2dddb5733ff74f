/**
 * What a simulated region tells its inspector: each thing at the moment when it takes effect, before anybody can see it.
 * Nothing else is known to the inspector, so that a product which is wrong cannot talk it into anything.
 */
export type Happening =
  /** An object stands with these bytes from now on, whoever hears of it. */
  | { readonly kind: 'written'; readonly key: string; readonly body: Uint8Array }
  /** Objects are gone from now on. */
  | { readonly kind: 'deleted'; readonly keys: readonly string[] }
  /** The world bends or loses bytes on purpose: what rests on them may be given up from now on. */
  | { readonly kind: 'damaged'; readonly key: string; readonly body: Uint8Array | undefined }
  /** A message can be received from now on, or after its delay. */
  | { readonly kind: 'sent'; readonly messageId: string; readonly jobId: string }
  /** A receiver removed it. */
  | { readonly kind: 'removed'; readonly messageId: string }
  /** It is gone without a receiver's will: retention, the dead letters, or the world's spite. */
  | { readonly kind: 'vanished'; readonly messageId: string }
  /** An actor ended with an error, or wrote a line to its log. */
  | { readonly kind: 'said'; readonly by: string; readonly text: string }
  /** Nothing but time has passed. */
  | { readonly kind: 'time' };

/** A rule that something broke, with what broke it. */
export interface Violation {
  /** The rule's name, as in `npm run test:histories`. */
  readonly invariant: string;
  readonly what: string;
  /** Milliseconds since the world began. */
  readonly atMs: number;
}
