import { Stack, aws_fis as fis, aws_iam as iam } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { interruptTag } from '../lib/contract/worker-environment.ts';
import { acknowledgeWildcards } from './acknowledge-wildcards.ts';

export interface InterruptionExperimentProps {
  readonly spotGroupName: string;
}

/**
 * A rehearsal: AWS Fault Injection Service sends one marked Spot instance of the fleet a real rebalance recommendation and
 * a real interruption notice, and takes it away two minutes later. Nothing happens until somebody starts it.
 */
export class InterruptionExperiment extends Construct {
  readonly template: fis.CfnExperimentTemplate;

  constructor(scope: Construct, id: string, { spotGroupName }: InterruptionExperimentProps) {
    super(scope, id);
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('fis.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      description: 'Holdfast: interrupts Spot instances of its own fleet',
    });
    const interrupt = new iam.PolicyStatement({
      sid: 'InterruptOwn',
      actions: ['ec2:SendSpotInstanceInterruptions'],
      resources: [Stack.of(this).formatArn({ service: 'ec2', resource: 'instance', resourceName: '*' })],
      conditions: { StringEquals: { 'aws:ResourceTag/aws:autoscaling:groupName': spotGroupName } },
    });
    const look = new iam.PolicyStatement({
      sid: 'LookAround',
      actions: ['ec2:DescribeInstances'],
      resources: ['*'],
    });
    for (const statement of [interrupt, look]) role.addToPolicy(statement);
    acknowledgeWildcards(role, [
      { statement: interrupt, reason: 'Instances come and go; the condition allows those of the own group.' },
      { statement: look, reason: 'The action knows no resources: IAM takes only a star for it.' },
    ]);
    this.template = new fis.CfnExperimentTemplate(this, 'Template', {
      description: `Interrupts the instance of ${spotGroupName} that is marked for it`,
      roleArn: role.roleArn,
      // It ends with the one instance that it takes: there is nothing to stop.
      stopConditions: [{ source: 'none' }],
      targets: {
        marked: {
          resourceType: 'aws:ec2:spot-instance',
          resourceTags: { [interruptTag.key]: interruptTag.value },
          filters: [{ path: 'State.Name', values: ['running'] }],
          selectionMode: 'COUNT(1)',
        },
      },
      actions: {
        interrupt: {
          actionId: 'aws:ec2:send-spot-instance-interruptions',
          parameters: { durationBeforeInterruption: 'PT2M' },
          targets: { SpotInstances: 'marked' },
        },
      },
      tags: { Name: `${spotGroupName}-interrupt` },
    });
    // The template cannot be made before its role may do what it says.
    this.template.node.addDependency(role);
  }
}
