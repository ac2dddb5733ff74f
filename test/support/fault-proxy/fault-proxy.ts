import {
  Agent,
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { once } from 'node:events';
import { conflict, type ProxyAnswer, slowDown } from './answers.ts';
import { type AwsRequest, readAwsRequest } from './aws-request.ts';
import { emulate } from './emulations.ts';
import { drawFault, type FaultPlan } from './faults.ts';
import { LifecycleHooks } from './lifecycle-hooks.ts';
import { ProxyRecord } from './proxy-record.ts';
import { objectOfUrl, templateForMoto } from './stack-template.ts';

interface UpstreamAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Buffer;
}

/**
 * A proxy before an AWS that somebody else wrote. Requests to `endpoint` meet the faults of `plan`, those to
 * `calmEndpoint` none; what moto cannot answer is answered here, and counted, on both.
 */
export class FaultProxy implements AsyncDisposable {
  readonly record: ProxyRecord = new ProxyRecord();
  readonly hooks: LifecycleHooks = new LifecycleHooks();
  /** Faults from now on; undefined: none. */
  plan: FaultPlan | undefined;
  readonly #upstream: URL;
  readonly #servers: readonly [stormy: Server, calm: Server];
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(upstream: string, plan: FaultPlan | undefined) {
    this.#upstream = new URL(upstream);
    this.plan = plan;
    const server = (isCalm: boolean): Server => {
      const made = createServer((incoming, response) => void this.#handle(incoming, { response, isCalm }));
      // A pause between two requests of a worker must not end in a cut that nobody drew.
      made.keepAliveTimeout = 120_000;
      return made;
    };
    this.#servers = [server(false), server(true)];
  }

  static async start(upstream: string, plan?: FaultPlan): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstream, plan);
    for (const server of proxy.#servers) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    return proxy;
  }

  /** By name, as AWS_ENDPOINT_URL: the SDK treats a bare address in other ways. */
  get endpoint(): string {
    return endpointOf(this.#servers[0]);
  }

  get calmEndpoint(): string {
    return endpointOf(this.#servers[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    this.#agent.destroy();
  }

  async #handle(
    incoming: IncomingMessage,
    { response, isCalm }: { readonly response: ServerResponse; readonly isCalm: boolean },
  ): Promise<void> {
    try {
      const { method = 'GET', url = '/', headers } = incoming;
      const asked = readAwsRequest({ method, url, headers, body: await buffer(incoming) });
      const request = asked.service === 'cloudformation' ? await this.#withPlayedResources(asked) : asked;
      this.record.asked(request);
      await this.#answer({ request, url, response, isCalm });
    } catch (error) {
      // A client that hung up (a killed worker) is no fault of ours; anything else must be seen.
      if (!incoming.destroyed || incoming.complete)
        this.record.failed(`${incoming.url ?? ''}: ${String(error)}`);
      response.destroy();
    }
  }

  async #answer(asked: {
    readonly request: AwsRequest;
    readonly url: string;
    readonly response: ServerResponse;
    readonly isCalm: boolean;
  }): Promise<void> {
    const { request, url, response, isCalm } = asked;
    const fault = isCalm || this.plan === undefined ? undefined : drawFault(this.plan, request);
    if (fault !== undefined) this.record.struck(request, fault);
    if (fault === 'slow-down') return reply(response, slowDown(request));
    if (fault === 'conflict') return reply(response, conflict(request));
    if (fault === 'cut') {
      response.destroy();
      return;
    }
    const emulated = emulate(request, this.hooks);
    if (emulated !== undefined) this.record.emulated(request);
    const answer = emulated === undefined ? await this.#forward(request, url) : undefined;
    if (fault === 'lost-answer') {
      response.destroy();
      return;
    }
    if (emulated !== undefined) return reply(response, emulated);
    if (answer === undefined) return;
    response.writeHead(answer.status, answer.headers as Record<string, string>);
    response.end(answer.body);
  }

  async #forward(request: AwsRequest, url: string): Promise<UpstreamAnswer> {
    const {
      'transfer-encoding': _chunked,
      expect: _expect,
      connection: _connection,
      ...headers
    } = request.headers;
    const forwarded = httpRequest({
      host: this.#upstream.hostname,
      port: this.#upstream.port,
      agent: this.#agent,
      method: request.method,
      path: url,
      headers: { ...headers, 'content-length': String(request.body.length) },
    });
    forwarded.end(request.body);
    const [incoming] = (await once(forwarded, 'response')) as [IncomingMessage];
    const body = await buffer(incoming);
    const status = incoming.statusCode ?? 502;
    this.record.answered(request, status);
    this.#afterwards(request, status);
    const { connection: _hop, 'transfer-encoding': _coding, ...kept } = incoming.headers;
    const length = request.method === 'HEAD' ? {} : { 'content-length': String(body.length) };
    return { status, headers: { ...(kept as UpstreamAnswer['headers']), ...length }, body };
  }

  /** A stack's template goes to moto in the request itself where moto would fail on it as it lies in the bucket. */
  async #withPlayedResources(request: AwsRequest): Promise<AwsRequest> {
    const { TemplateURL: url, TemplateBody: body, ...params } = request.params;
    const text = url === undefined ? body : await this.#read(objectOfUrl(url));
    if (text === undefined || !text.startsWith('{')) return request;
    const { template, played } = templateForMoto(text);
    if (played.length === 0) return request;
    for (const type of played) this.record.emulated({ ...request, operation: type });
    const given = { ...params, TemplateBody: template };
    return { ...request, params: given, body: Buffer.from(new URLSearchParams(given).toString()) };
  }

  async #read(object: string): Promise<string> {
    // Moto checks no signature, but shows nothing to those who have none.
    const authorization =
      'AWS4-HMAC-SHA256 Credential=moto/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0';
    const response = await fetch(new URL(`/${object}`, this.#upstream), { headers: { authorization } });
    if (!response.ok) throw new Error(`moto does not show ${object}: ${response.status}`);
    return response.text();
  }

  /** At AWS the terminate hook holds an instance that leaves by itself, too; in moto it is gone at once. */
  #afterwards({ service, operation, params }: AwsRequest, status: number): void {
    const retires = service === 'autoscaling' && operation === 'TerminateInstanceInAutoScalingGroup';
    if (retires && status === 200) this.hooks.hold(params['InstanceId'] ?? '');
  }
}

function endpointOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port');
  return `http://localhost:${address.port}`;
}

function reply(response: ServerResponse, { status, contentType, body }: ProxyAnswer): void {
  response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}
