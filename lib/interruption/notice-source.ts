import type { Notice } from './notice.ts';

/** One place where notices appear. */
export interface NoticeSource {
  readonly name: string;
  /** Looked at every n-th time only: what it announces leaves more than a second. @default 1 */
  readonly everyNthLook?: number;
  /**
   * Looks once. Undefined: there is none now (a 404 is the normal answer).
   * @throws TransientError when the source cannot be read; that is not "no notice"
   */
  poll(signal: AbortSignal): Promise<Notice | undefined>;
  /** Gives back what the source holds, as signal handlers. Called once, when the watch ends. */
  [Symbol.dispose]?(): void;
}
