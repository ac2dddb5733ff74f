import {
  ArnFormat,
  Duration,
  Stack,
  aws_cloudwatch as cloudwatch,
  aws_events as events,
  aws_iam as iam,
  type aws_logs as logs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

export interface FleetEventsProps {
  readonly logGroup: logs.LogGroup;
  readonly groupNames: readonly string[];
}

/**
 * What AWS says about the fleet, kept in its log group. EC2's events name an instance and no group, so interruptions of
 * the whole account and region are there; workers hear of their own from the metadata service and wait for none of this.
 */
export class FleetEvents extends Construct {
  /** Launches that failed, as a rule lack of capacity or of quota. */
  readonly launchFailures: cloudwatch.Metric;
  readonly interruptions: cloudwatch.Metric;
  /** Instances that were reported as broken: by a boot that failed, by a worker, or by a person. */
  readonly brokenInstances: cloudwatch.Metric;

  constructor(scope: Construct, id: string, { logGroup, groupNames }: FleetEventsProps) {
    super(scope, id);
    const interruptions = this.#rule('Interruptions', logGroup, {
      source: ['aws.ec2'],
      detailType: ['EC2 Spot Instance Interruption Warning', 'EC2 Instance Rebalance Recommendation'],
    });
    const launchFailures = this.#rule('LaunchFailures', logGroup, {
      source: ['aws.autoscaling'],
      detailType: ['EC2 Instance Launch Unsuccessful'],
      detail: { AutoScalingGroupName: [...groupNames] },
    });
    const scaling = this.#rule('Scaling', logGroup, {
      source: ['aws.autoscaling'],
      detailType: [
        'EC2 Instance Launch Successful',
        'EC2 Instance Terminate Successful',
        'EC2 Instance Terminate Unsuccessful',
      ],
      detail: { AutoScalingGroupName: [...groupNames] },
    });
    // Also among the ones above; this rule is there to count. Auto Scaling tells a report from its own checks only in words.
    const broken = this.#rule('BrokenInstances', logGroup, {
      source: ['aws.autoscaling'],
      detailType: ['EC2 Instance Terminate Successful'],
      detail: {
        AutoScalingGroupName: [...groupNames],
        Cause: events.Match.wildcard('*in response to a user health-check*'),
      },
    });
    letRulesWrite(logGroup, [interruptions, launchFailures, scaling, broken]);
    this.interruptions = matches(interruptions);
    this.launchFailures = matches(launchFailures);
    this.brokenInstances = matches(broken);
  }

  #rule(id: string, logGroup: logs.ILogGroup, eventPattern: events.EventPattern): events.Rule {
    const rule = new events.Rule(this, id, { eventPattern });
    rule.addTarget(toLogGroup(logGroup));
    return rule;
  }
}

/** As EventBridge's documentation has it: streams are made without a rule's name, lines are written under it. */
function letRulesWrite(logGroup: logs.LogGroup, rules: readonly events.Rule[]): void {
  const principals = [
    new iam.ServicePrincipal('events.amazonaws.com'),
    new iam.ServicePrincipal('delivery.logs.amazonaws.com'),
  ];
  const resources = [logGroup.logGroupArn];
  logGroup.addToResourcePolicy(
    new iam.PolicyStatement({ principals, resources, actions: ['logs:CreateLogStream'] }),
  );
  logGroup.addToResourcePolicy(
    new iam.PolicyStatement({
      principals,
      resources,
      actions: ['logs:PutLogEvents'],
      conditions: { ArnEquals: { 'aws:SourceArn': rules.map((rule) => rule.ruleArn) } },
    }),
  );
}

/** The target that the CDK offers brings a function of its own to set the log group's policy; this stack sets it itself. */
function toLogGroup(logGroup: logs.ILogGroup): events.IRuleTarget {
  return {
    bind: (rule) => ({
      arn: Stack.of(rule).formatArn({
        service: 'logs',
        resource: 'log-group',
        resourceName: logGroup.logGroupName,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    }),
  };
}

/** EventBridge counts the events that a rule lets through. */
function matches(rule: events.IRule): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/Events',
    metricName: 'TriggeredRules',
    dimensionsMap: { RuleName: rule.ruleName },
    statistic: cloudwatch.Stats.SUM,
    period: Duration.minutes(5),
  });
}
