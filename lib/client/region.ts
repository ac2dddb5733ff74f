import { type Clock, systemClock } from '../base/clock.ts';
import { UsageError } from '../base/errors.ts';
import { type Random, systemRandom } from '../base/random.ts';
import type { RetryLimits } from '../base/retry.ts';
import type { Timers } from '../contract/timers.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { RegionPlace } from './locate-region.ts';

export interface RegionPorts {
  readonly clock: Clock;
  readonly random: Random;
}

const systemPorts: RegionPorts = { clock: systemClock, random: systemRandom };

/** An open store, and a queue that is opened when it is first needed: reading jobs needs none. */
export interface Region extends RegionPorts {
  readonly place: RegionPlace;
  readonly store: ObjectStore;
  readonly timers: Timers;
  /** @throws UsageError when no queue was named */
  queue(): Promise<JobQueue>;
  close(): Promise<void>;
}

export async function openRegion(place: RegionPlace, ports: RegionPorts = systemPorts): Promise<Region> {
  const store = await openStore(place.store, ports);
  let queue: Promise<JobQueue> | undefined;
  return {
    ...ports,
    place,
    store,
    timers: place.timers,
    async queue() {
      if (place.queue === undefined) {
        throw new UsageError('a store is named, but no queue.', {
          hint: 'Add --queue, or set HOLDFAST_QUEUE.',
          facts: { store: place.store },
        });
      }
      queue ??= openQueue(place.queue, ports);
      return queue;
    },
    async close() {
      await Promise.all([store.close(), queue?.then((opened) => opened.close())]);
    },
  };
}

/**
 * The store that `uri` names, with retries around it. The AWS driver is loaded only for `s3:`.
 * @throws UsageError for an unknown scheme
 */
export async function openStore(uri: string, ports: RegionPorts = systemPorts): Promise<ObjectStore> {
  return withRetries(await openDriver(uri, ports), ports);
}

/** The store behind a driver, as everything in a region meets it. */
export async function withRetries(driver: ObjectStore, ports: RegionPorts): Promise<ObjectStore> {
  const { retryingObjectStore } = await import('../store/retrying-object-store.ts');
  return retryingObjectStore(driver, { ...ports, limits: briefly });
}

/** Rides out a hiccup of any single request. Journal and checkpoint engine are patient on their own, with all of it in view. */
const briefly: RetryLimits = { attemptsMax: 3, delayMs: 200, delayMsMax: 400 };

async function openDriver(uri: string, ports: RegionPorts): Promise<ObjectStore> {
  switch (schemeOf(uri)) {
    case 'file': {
      const { openDirectoryObjectStore } = await import('../store/directory-object-store.ts');
      return openDirectoryObjectStore(uri, ports);
    }
    case 's3': {
      const { openS3ObjectStore } = await import('../aws/s3-object-store.ts');
      return openS3ObjectStore(uri);
    }
    default:
      throw new UsageError('no kind of store is known by this address:', {
        facts: { uri },
        hint: 'A store is file:///dir or s3://bucket/prefix.',
      });
  }
}

/**
 * The queue that `uri` names. The AWS driver is loaded only for `https:` (and `http:`, for an emulator).
 * @throws UsageError for an unknown scheme
 */
export async function openQueue(uri: string, ports: RegionPorts = systemPorts): Promise<JobQueue> {
  switch (schemeOf(uri)) {
    case 'file': {
      const { openDirectoryJobQueue } = await import('../queue/directory-job-queue.ts');
      return openDirectoryJobQueue(uri, ports);
    }
    case 'https':
    case 'http': {
      const { openSqsJobQueue } = await import('../aws/sqs-job-queue.ts');
      return openSqsJobQueue(uri);
    }
    default:
      throw new UsageError('no kind of queue is known by this address:', {
        facts: { uri },
        hint: 'A queue is file:///dir or the URL of an SQS queue.',
      });
  }
}

function schemeOf(uri: string): string {
  return /^([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]?.toLowerCase() ?? '';
}
