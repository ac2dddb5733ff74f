import type { AwsRequest } from './aws-request.ts';
import type { FaultKind } from './faults.ts';

type Counts = Readonly<Record<string, number>>;

/** What went through the proxy, for the report and for what must not have happened. */
export class ProxyRecord {
  /** By `service:operation`. */
  readonly #requests = new Map<string, number>();
  /** By kind, then by `service:operation`. */
  readonly #faults = new Map<FaultKind, Map<string, number>>();
  readonly #notByMoto = new Map<string, number>();
  /** Answers of moto with a status of 500 or above. */
  readonly #motoFailures = new Map<string, number>();
  /** Objects that were created under `If-None-Match: *`, and how often: never more than once without a delete between. */
  readonly #created = new Map<string, number>();

  /** Requests on which the proxy itself failed, or moto hung up: none. */
  readonly failures: string[] = [];

  failed(message: string): void {
    this.failures.push(message);
  }

  asked(request: AwsRequest): void {
    count(this.#requests, nameOf(request));
  }

  struck(request: AwsRequest, kind: FaultKind): void {
    const counts = this.#faults.get(kind) ?? new Map<string, number>();
    count(counts, nameOf(request));
    this.#faults.set(kind, counts);
  }

  emulated(request: AwsRequest): void {
    count(this.#notByMoto, nameOf(request));
  }

  answered(request: AwsRequest, status: number): void {
    if (status >= 500) count(this.#motoFailures, nameOf(request));
    const creates = request.operation === 'PutObject' && request.headers['if-none-match'] === '*';
    if (creates && status === 200) count(this.#created, request.object);
    if (request.operation === 'DeleteObject' && status < 300) this.#created.delete(request.object);
  }

  get requests(): Counts {
    return plain(this.#requests);
  }

  get notByMoto(): Counts {
    return plain(this.#notByMoto);
  }

  get motoFailures(): Counts {
    return plain(this.#motoFailures);
  }

  /** By kind: how often in all, and by operation. */
  get faults(): Readonly<Partial<Record<FaultKind, { readonly total: number; readonly by: Counts }>>> {
    const entries = [...this.#faults].map(([kind, counts]) => [
      kind,
      { total: [...counts.values()].reduce((sum, times) => sum + times, 0), by: plain(counts) },
    ]);
    return Object.fromEntries(entries);
  }

  get faultsInAll(): number {
    return Object.values(this.faults).reduce((sum, { total }) => sum + total, 0);
  }

  /** How many objects were created under a condition. */
  get createdOnce(): number {
    return this.#created.size;
  }

  /** Keys that the store let two writers create: each is a broken promise. */
  get createdTwice(): readonly string[] {
    return [...this.#created].filter(([, times]) => times > 1).map(([key]) => key);
  }
}

const nameOf = ({ service, operation }: AwsRequest): string => `${service}:${operation}`;

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

const plain = (counts: ReadonlyMap<string, number>): Counts =>
  Object.fromEntries([...counts].toSorted(([one], [other]) => one.localeCompare(other)));
