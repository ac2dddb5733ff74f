import { createHash } from 'node:crypto';
import { element } from '../fake-aws/xml.ts';
import { ec2Answer, jsonAnswer, type ProxyAnswer, queryAnswer, refusal } from './answers.ts';
import type { AwsRequest } from './aws-request.ts';
import type { LifecycleHooks } from './lifecycle-hooks.ts';

/** What an operation that moto does not know answers here. */
type Emulation = (request: AwsRequest, hooks: LifecycleHooks) => ProxyAnswer;

/** Spot quota of an account, in vCPUs, by Service Quotas' code. */
const quotas: Readonly<Record<string, { readonly name: string; readonly value: number }>> = {
  'L-3819A6DF': { name: 'All G and VT Spot Instance Requests', value: 64 },
  'L-7212CCBC': { name: 'All P4, P3 and P2 Spot Instance Requests', value: 0 },
  'L-DB2E81BA': { name: 'Running On-Demand G and VT instances', value: 32 },
};

/** USD an hour On-Demand in us-east-1, Linux. */
const onDemandPrices: Readonly<Record<string, string>> = {
  'g4dn.xlarge': '0.5260000000',
  'g4dn.2xlarge': '0.7520000000',
  'g5.xlarge': '1.0060000000',
  'g5.2xlarge': '1.2120000000',
  'g6.xlarge': '0.8048000000',
  'g6.2xlarge': '0.9776000000',
};

/** What moto answers with 500 or not at all, by service and operation. Small and honest: it refuses what AWS refuses. */
const emulations: Readonly<Record<string, Emulation>> = {
  'autoscaling:CompleteLifecycleAction': (request, hooks) =>
    hooks.complete(request.params['InstanceId'] ?? '')
      ? queryAnswer(request.operation)
      : noLifecycleAction(request),
  'autoscaling:RecordLifecycleActionHeartbeat': (request, hooks) =>
    hooks.isWaiting(request.params['InstanceId'] ?? '')
      ? queryAnswer(request.operation)
      : noLifecycleAction(request),
  'ec2:GetSpotPlacementScores': (request) =>
    ec2Answer(request.operation, [
      element(
        'spotPlacementScoreSet',
        ['use1-az1', 'use1-az2', 'use1-az4'].map((zone, at) =>
          element('item', [
            element('region', 'us-east-1'),
            element('availabilityZoneId', zone),
            element('score', 9 - 3 * at),
          ]),
        ),
      ),
    ]),
  'servicequotas:GetServiceQuota': (request) => {
    const { QuotaCode: code = '', ServiceCode: service } = request.params;
    const quota = quotas[code];
    return quota === undefined
      ? refusal(request, { status: 400, code: 'NoSuchResourceException', message: `no quota ${code}` })
      : jsonAnswer({
          Quota: {
            ServiceCode: service,
            QuotaCode: code,
            QuotaName: quota.name,
            Value: quota.value,
            Adjustable: true,
            GlobalQuota: false,
          },
        });
  },
  'pricing:GetProducts': (request) => jsonAnswer({ FormatVersion: 'aws_v1', PriceList: priceList(request) }),
};

/** Answers what moto cannot; undefined where moto is asked. */
export function emulate(request: AwsRequest, hooks: LifecycleHooks): ProxyAnswer | undefined {
  const { service, operation } = request;
  const wrongBytes = refusedBytes(request);
  if (wrongBytes !== undefined) return wrongBytes;
  const startsExperiment = service === 'fis' && operation === 'POST /experiments';
  if (startsExperiment) return experiment(request);
  return emulations[`${service}:${operation}`]?.(request, hooks);
}

/** What Auto Scaling says when nothing waits, as after a second call. */
function noLifecycleAction(request: AwsRequest): ProxyAnswer {
  const { InstanceId: instanceId = '' } = request.params;
  return refusal(request, {
    status: 400,
    code: 'ValidationError',
    message: `No active Lifecycle Action found with instance ID ${instanceId}`,
  });
}

/** S3 checks what it stores against the digest that came with it; moto does not. */
function refusedBytes(request: AwsRequest): ProxyAnswer | undefined {
  const { operation, headers, body } = request;
  const claimed = headers['x-amz-checksum-sha256'];
  if (operation !== 'PutObject' || claimed === undefined) return undefined;
  if (createHash('sha256').update(body).digest('base64') === claimed) return undefined;
  return refusal(request, {
    status: 400,
    code: 'BadDigest',
    message: 'The SHA256 you specified did not match the calculated checksum.',
  });
}

function priceList({ body }: AwsRequest): readonly string[] {
  const asked = body.toString('utf8');
  const named = Object.entries(onDemandPrices).filter(([type]) => asked.includes(`"${type}"`));
  const offers = named.length === 0 ? Object.entries(onDemandPrices) : named;
  return offers.map(([instanceType, USD]) =>
    JSON.stringify({
      product: { productFamily: 'Compute Instance', attributes: { instanceType, operatingSystem: 'Linux' } },
      terms: {
        OnDemand: {
          offer: { priceDimensions: { dimension: { unit: 'Hrs', pricePerUnit: { USD } } } },
        },
      },
    }),
  );
}

function experiment({ params }: AwsRequest): ProxyAnswer {
  return jsonAnswer({
    experiment: {
      id: 'EXP1234567890abcdef',
      experimentTemplateId: params['experimentTemplateId'],
      state: { status: 'initiating' },
    },
  });
}
