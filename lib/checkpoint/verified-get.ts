import { sha256InSlices } from '../base/digest.ts';
import type { Clock } from '../base/clock.ts';
import { CorruptionError, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { retry } from '../base/retry.ts';
import type { ObjectStore, StoredObject } from '../store/object-store.ts';

/** What reading takes. */
export interface ReadPorts {
  readonly store: Pick<ObjectStore, 'get'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface DownloadPorts extends ReadPorts {
  readonly store: ObjectStore;
}

export interface WantedObject {
  /** For messages: `manifest`, `chunk`. */
  readonly what: string;
  readonly key: string;
  /** Of the bytes that are wanted: those of the object, or what `decode` makes of them. */
  readonly sha256: string;
  /** @throws CorruptionError when the object's bytes, which nobody has verified then, cannot be read */
  readonly decode?: (stored: Uint8Array) => Uint8Array;
  readonly signal: AbortSignal;
}

/** An object of a checkpoint is missing or is not what was committed. */
export class DamagedObjectError extends CorruptionError {
  readonly key: string;

  constructor(what: string, key: string) {
    super(what, { facts: { key } });
    this.key = key;
  }
}

/**
 * One object whose digest is known. What does not fit is fetched once more, since bytes may also be bent on their way
 * here; only a second misfit is damage. A time-out, a throttled or a forbidden read is none.
 * @throws DamagedObjectError when the object is missing or holds other bytes; TransientError and AccessDeniedError of the store
 */
export async function verifiedGet(ports: ReadPorts, wanted: WantedObject): Promise<Uint8Array> {
  const first = await fetchOnce(ports, wanted);
  if (first.outcome === 'good') return first.body;
  ports.log.warn('checkpoint-object-misfit', { key: wanted.key, why: first.why });
  const second = await fetchOnce(ports, wanted);
  if (second.outcome === 'good') return second.body;
  throw new DamagedObjectError(`${wanted.what} ${second.why}.`, wanted.key);
}

type Fetched =
  | { readonly outcome: 'good'; readonly body: Uint8Array }
  | { readonly outcome: 'misfit'; readonly why: string };

async function fetchOnce(ports: ReadPorts, wanted: WantedObject): Promise<Fetched> {
  const { store, clock, random, log } = ports;
  const { key, signal } = wanted;
  const object = await retry(() => store.get(key, { signal }), {
    clock,
    random,
    signal,
    onRetry: (error, attempt) => log.info('checkpoint-read-again', { key, attempt, error: String(error) }),
  });
  if (object === undefined) return { outcome: 'misfit', why: 'is missing from the store' };
  return await fit(object, wanted);
}

async function fit(stored: StoredObject, { sha256, decode }: WantedObject): Promise<Fetched> {
  let { body } = stored;
  try {
    body = decode?.(body) ?? body;
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    return { outcome: 'misfit', why: `cannot be read: ${messageOf(error).replace(/\.$/, '')}` };
  }
  const known = body === stored.body ? stored.sha256 : undefined;
  const actual = known ?? (await sha256InSlices(body));
  return actual === sha256
    ? { outcome: 'good', body }
    : { outcome: 'misfit', why: `holds ${body.byteLength} bytes with digest ${actual}, not ${sha256}` };
}
