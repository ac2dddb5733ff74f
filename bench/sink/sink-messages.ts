import type { SinkCounters, SinkState } from './sink-server.ts';

/** What a sink process is asked; each is answered by one message. */
export type SinkRequest =
  | { readonly kind: 'set'; readonly state: SinkState }
  | { readonly kind: 'counted' }
  | { readonly kind: 'clear' }
  /** Starts an instance metadata service beside the store. */
  | { readonly kind: 'imds' }
  /** Puts objects without a request, body in base64. */
  | { readonly kind: 'fill'; readonly objects: readonly FilledObject[] };

export interface FilledObject {
  readonly key: string;
  readonly body: string;
  readonly etag: string;
}

export type SinkReply =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'done' }
  | { readonly kind: 'imds'; readonly endpoint: string }
  | { readonly kind: 'counters'; readonly counters: SinkCounters };
