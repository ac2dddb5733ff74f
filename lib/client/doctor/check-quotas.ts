import { AccessDeniedError } from '../../base/errors.ts';
import type { Account } from '../../fleet/account.ts';
import type { Ec2Market } from '../../fleet/ec2-market.ts';
import { type Check, fail, type Finding, pass, warn } from './check.ts';

interface SpotQuota {
  readonly code: string;
  /** As the console calls it. */
  readonly name: string;
  readonly covers: RegExp;
}

/** Each counts the vCPUs of running Spot instances of some families. New accounts often have none of the first two. */
const spotQuotas: readonly SpotQuota[] = [
  { code: 'L-3819A6DF', name: 'All G and VT Spot Instance Requests', covers: /^(?:g|vt)\d/ },
  { code: 'L-7212CCBC', name: 'All P Spot Instance Requests', covers: /^p\d/ },
  { code: 'L-34B43A08', name: 'All Standard Spot Instance Requests', covers: /^[acdhimrtz]\d/ },
];

export interface QuotaPorts {
  readonly account: Pick<Account, 'ec2Quota'>;
  readonly market: Pick<Ec2Market, 'vcpusOf'>;
  readonly region: () => Promise<string>;
  /** Machines that the fleet may have at a time. */
  readonly machinesMax: (signal: AbortSignal) => Promise<number>;
}

/** Whether the account may have the Spot instances that the fleet wants. */
export function checkQuotas(types: readonly string[], ports: QuotaPorts): Check {
  return {
    name: 'quotas',
    after: 'credentials',
    async run(signal) {
      const [vcpus, machinesMax, region] = await Promise.all([
        ports.market.vcpusOf(types, signal),
        ports.machinesMax(signal),
        ports.region(),
      ]);
      const findings = await Promise.all(
        spotQuotas.flatMap((quota) => {
          const needs = [...vcpus].filter(([type]) => quota.covers.test(type)).map(([, count]) => count);
          return needs.length === 0 ? [] : [judge({ quota, needs, machinesMax, region }, ports, signal)];
        }),
      );
      return together(findings, types);
    },
  };
}

interface Question {
  readonly quota: SpotQuota;
  /** vCPUs of each type that counts against it. */
  readonly needs: readonly number[];
  readonly machinesMax: number;
  readonly region: string;
}

async function judge(question: Question, { account }: QuotaPorts, signal: AbortSignal): Promise<Finding> {
  const { quota, needs, machinesMax } = question;
  let value: number | undefined;
  try {
    value = await account.ec2Quota(quota.code, signal);
  } catch (error) {
    if (!(error instanceof AccessDeniedError)) throw error;
    return warn(
      `${quota.name}: not allowed to look`,
      'allow servicequotas:GetServiceQuota, or look in the console under Service Quotas',
    );
  }
  if (value === undefined)
    return warn(`${quota.name}: unknown here`, 'look in the console under Service Quotas');
  const smallest = Math.min(...needs);
  const machines = Math.floor(value / smallest);
  const facts = `${quota.name}: ${value} vCPUs`;
  if (machines === 0) return fail(`${facts}, not one machine (${smallest} vCPUs)`, request(question));
  if (machines < machinesMax)
    return warn(
      `${facts}, ${machines} of the ${machinesMax} machines that the fleet may have`,
      request(question),
    );
  return pass(`${facts}, enough for ${machinesMax} machines`);
}

function request({ quota, needs, machinesMax, region }: Question): string {
  const wanted = Math.max(...needs) * Math.max(1, machinesMax);
  return `aws service-quotas request-service-quota-increase --service-code ec2 --quota-code ${quota.code} --desired-value ${wanted} --region ${region} (or https://console.aws.amazon.com/servicequotas/home/services/ec2/quotas/${quota.code})`;
}

/** A fleet of several families runs on any of them: it is lost only where all are refused. */
function together(findings: readonly Finding[], types: readonly string[]): Finding {
  const [first] = findings;
  if (first === undefined)
    return warn(
      `this region offers none of ${types.join(', ')}`,
      'choose types that it has, or another region, and deploy again',
    );
  if (findings.length === 1) return first;
  const worst = findings.every(({ status }) => status === 'fail')
    ? 'fail'
    : findings.every(({ status }) => status === 'pass')
      ? 'pass'
      : 'warn';
  const next =
    findings.find((finding) => finding.status === 'fail')?.next ??
    findings.find((finding) => finding.next)?.next;
  const message = findings.map((finding) => finding.message).join('; ');
  return { status: worst, message, ...(next === undefined ? {} : { next }) };
}
