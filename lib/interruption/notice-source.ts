import type { Notice } from './notice.ts';

/** One place where notices appear. */
export interface NoticeSource {
  readonly name: string;
  /**
   * Looks once. Undefined: there is none now (a 404 is the normal answer).
   * @throws TransientError when the source cannot be read; that is not "no notice"
   */
  poll(signal: AbortSignal): Promise<Notice | undefined>;
  /** Gives back what the source holds, as signal handlers. Called once, when the watch ends. */
  [Symbol.dispose]?(): void;
}
