import type { Clock } from '../lib/base/clock.ts';
import type { Instance } from '../lib/contract/journal-entry.ts';

/** What EC2 or Auto Scaling lets an instance know. Times count from the announcement. */
export type ImdsFact =
  | {
      readonly kind: 'spot-interruption';
      readonly action: 'terminate' | 'stop' | 'hibernate';
      readonly inMs: number;
      /** The time moves with every request, always `inMs` ahead: some mocks do this, EC2 does not. @default false */
      readonly moving?: boolean;
    }
  /** `moving`: the time is that of each request; some mocks do this, EC2 does not. */
  | { readonly kind: 'rebalance-recommendation'; readonly moving?: boolean }
  /** `Terminated` announces the end; every other state means nothing to a worker. */
  | { readonly kind: 'target-lifecycle-state'; readonly state: string }
  | { readonly kind: 'maintenance'; readonly events: readonly MaintenanceEvent[] };

export interface MaintenanceEvent {
  /** As `instance-stop`, `system-reboot`, `instance-retirement`. */
  readonly code: string;
  readonly state: 'active' | 'completed' | 'canceled';
  readonly eventId: string;
  readonly notBeforeInMs: number;
}

/** The metadata of one instance: a table from path to text, as of now. */
export class ImdsFacts {
  readonly #instance: Instance;
  readonly #clock: Clock;
  readonly #announced = new Map<ImdsFact['kind'], { readonly fact: ImdsFact; readonly at: Date }>();

  constructor(options: { readonly instance: Instance; readonly clock: Clock }) {
    this.#instance = options.instance;
    this.#clock = options.clock;
  }

  announce(fact: ImdsFact): void {
    this.#announced.set(fact.kind, { fact, at: this.#clock.now() });
  }

  withdraw(kind: ImdsFact['kind']): void {
    this.#announced.delete(kind);
  }

  /** The text at a path below `/latest/`; undefined where the service answers 404. */
  read(path: string): string | undefined {
    switch (path) {
      case 'meta-data/instance-id':
        return this.#instance.id;
      case 'meta-data/instance-type':
        return this.#instance.type;
      case 'meta-data/placement/availability-zone':
        return this.#instance.zone;
      case 'meta-data/placement/region':
        return this.#instance.zone.replace(/[a-z]$/, '');
      case 'meta-data/instance-life-cycle':
        return 'spot';
      case 'meta-data/spot/instance-action':
        return this.#instanceAction();
      case 'meta-data/spot/termination-time':
        return this.#terminationTime();
      case 'meta-data/events/recommendations/rebalance':
        return this.#rebalance();
      case 'meta-data/autoscaling/target-lifecycle-state':
        return this.#lifecycleState();
      case 'meta-data/events/maintenance/scheduled':
        return JSON.stringify(this.#maintenance());
      default:
        return undefined;
    }
  }

  #interruption(): { readonly action: string; readonly time: string } | undefined {
    const announced = this.#announced.get('spot-interruption');
    if (announced?.fact.kind !== 'spot-interruption') return undefined;
    const { action, inMs, moving = false } = announced.fact;
    const from = moving ? this.#clock.now() : announced.at;
    return { action, time: wholeSeconds(new Date(from.getTime() + inMs)) };
  }

  #instanceAction(): string | undefined {
    const interruption = this.#interruption();
    return interruption === undefined ? undefined : JSON.stringify(interruption);
  }

  /** The older path knows terminations only. */
  #terminationTime(): string | undefined {
    const interruption = this.#interruption();
    return interruption?.action === 'terminate' ? interruption.time : undefined;
  }

  #rebalance(): string | undefined {
    const announced = this.#announced.get('rebalance-recommendation');
    if (announced?.fact.kind !== 'rebalance-recommendation') return undefined;
    const { moving = false } = announced.fact;
    return JSON.stringify({ noticeTime: wholeSeconds(moving ? this.#clock.now() : announced.at) });
  }

  #lifecycleState(): string {
    const fact = this.#announced.get('target-lifecycle-state')?.fact;
    return fact?.kind === 'target-lifecycle-state' ? fact.state : 'InService';
  }

  #maintenance(): readonly object[] {
    const announced = this.#announced.get('maintenance');
    if (announced?.fact.kind !== 'maintenance') return [];
    return announced.fact.events.map(({ code, state, eventId, notBeforeInMs }) => {
      const notBefore = new Date(announced.at.getTime() + notBeforeInMs);
      return {
        Code: code,
        Description: state === 'active' ? `scheduled ${code}` : `[${state}] scheduled ${code}`,
        State: state,
        EventId: eventId,
        NotBefore: gmt(notBefore),
        NotAfter: gmt(new Date(notBefore.getTime() + 2 * 3_600_000)),
      };
    });
  }
}

/** `2017-09-18T08:22:00Z`: times of notices carry no fractions. */
function wholeSeconds(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** `21 Jan 2019 09:00:43 GMT`: maintenance dates are RFC 1123 without the day of the week. */
function gmt(date: Date): string {
  return date.toUTCString().replace(/^\w{3}, /, '');
}
