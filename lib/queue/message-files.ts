import { z } from 'zod';

/**
 * A message's whole state is in the name of its file, `<visible at>-<receives>-<id>`, so that one rename(2) from one exact
 * name to the next is a compare-and-swap: of any number of processes that want to move a message on, one succeeds and
 * the others find the name gone. Sorted by name, files are in the order in which they show.
 */
export interface MessageState {
  readonly messageId: string;
  readonly receiveCount: number;
  /** Milliseconds since 1970, by the one machine's wall clock. */
  readonly visibleAtMs: number;
}

const timeDigits = 15;
const countDigits = 5;

export function nameOfMessage({ messageId, receiveCount, visibleAtMs }: MessageState): string {
  const time = String(Math.ceil(visibleAtMs)).padStart(timeDigits, '0');
  return `${time}-${String(receiveCount).padStart(countDigits, '0')}-${messageId}`;
}

/** Undefined for a name that is not a message's. */
export function parseMessageName(name: string): MessageState | undefined {
  const match = /^(\d{15})-(\d{5,})-([0-9a-f]{32})$/.exec(name);
  if (match?.[3] === undefined) return undefined;
  return { visibleAtMs: Number(match[1]), receiveCount: Number(match[2]), messageId: match[3] };
}

/** What a message's file holds: readable JSON, never changed. */
export const messageSchema = z.object({
  format: z.literal(1),
  sentAt: z.iso.datetime(),
  groupId: z.string().optional(),
  body: z.string(),
});
export type MessageDocument = z.infer<typeof messageSchema>;

/** A handle names one receive of one message, so it stops being the newest when the message is received again. */
export const handleOf = ({ messageId, receiveCount }: MessageState): string => `${messageId}:${receiveCount}`;

export function belongsTo(handle: string, state: MessageState): boolean {
  return handleOf(state) === handle;
}
