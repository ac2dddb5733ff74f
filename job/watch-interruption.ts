import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import type { Timers } from '../lib/contract/timers.ts';
import { ImdsClient } from '../lib/interruption/imds-client.ts';
import type { NoticeSource } from '../lib/interruption/notice-source.ts';
import { NoticeWatch } from '../lib/interruption/notice-watch.ts';
import { processSignals, type SignalEmitter } from '../lib/interruption/process-signals.ts';
import { rebalanceRecommendation } from '../lib/interruption/rebalance-recommendation.ts';
import { scheduledMaintenance } from '../lib/interruption/scheduled-maintenance.ts';
import { spotInstanceAction } from '../lib/interruption/spot-instance-action.ts';
import type { StopGrace } from '../lib/interruption/stop-time.ts';
import { targetLifecycleState } from '../lib/interruption/target-lifecycle-state.ts';

export interface WatchInterruptionOptions {
  /** Of the instance metadata service; undefined outside EC2, where only signals announce an end. */
  readonly imdsEndpoint: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly timers: Timers;
  readonly grace?: StopGrace;
  /** @default process */
  readonly signals?: SignalEmitter;
}

/** The watch of one instance over everything that can end it: IMDS and signals. Polls until it is disposed. */
export function watchInterruption(options: WatchInterruptionOptions): NoticeWatch {
  const { imdsEndpoint, clock, log, timers, grace } = options;
  const signals = processSignals(options.signals);
  const imdsSources =
    imdsEndpoint === undefined ? [] : imdsNoticeSources(new ImdsClient({ endpoint: imdsEndpoint, clock }));
  const watch = new NoticeWatch({
    sources: [...imdsSources, signals],
    clock,
    log,
    pollMs: timers.noticePollMs,
    grace,
  });
  signals.onSignal(() => void watch.readAll());
  watch.start();
  return watch;
}

function imdsNoticeSources(client: ImdsClient): readonly NoticeSource[] {
  return [
    spotInstanceAction(client),
    rebalanceRecommendation(client),
    targetLifecycleState(client),
    scheduledMaintenance(client),
  ];
}
