import {
  Duration,
  Stack,
  type aws_autoscaling as autoscaling,
  type aws_cloudwatch as cloudwatch,
  type aws_ec2 as ec2,
  type aws_iam as iam,
  aws_logs as logs,
  type aws_s3 as s3,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { CheckpointBucket } from './checkpoint-bucket.ts';
import { checkProps } from './check-props.ts';
import { asBucket } from './construct-interfaces.ts';
import { addDeploymentOutputs } from './deployment-outputs.ts';
import { FleetAlarms } from './fleet-alarms.ts';
import { fleetDashboard } from './fleet-dashboard.ts';
import { FleetEvents } from './fleet-events.ts';
import { fleetLogGroup, letLogsUse } from './fleet-log-group.ts';
import { defaultInstanceTypes } from './gpu-instance-types.ts';
import { InterruptionExperiment } from './interruption-experiment.ts';
import { JobQueues } from './job-queues.ts';
import { JobScaling, fleetDemand, jobsWithoutCapacity, jobsWithoutWorker } from './job-scaling.ts';
import { defaultAllowedTypes } from './launch-template-overrides.ts';
import { ReconcileSchedule } from './reconcile-schedule.ts';
import type { SpotTrainingProps } from './spot-training-props.ts';
import { grantSubmit } from './submit-access.ts';
import { TrainingNetwork } from './training-network.ts';
import { WorkerGroup, type WorkerGroupProps } from './worker-group.ts';
import { type GroupNames, groupNamesOf, namesIn } from './worker-groups.ts';
import { WorkerImage } from './worker-image.ts';
import { WorkerLaunchTemplate } from './worker-launch-template.ts';
import { WorkerRole } from './worker-role.ts';

/** For an alarm and its policy to see a shortfall that lasts, not one that a submit is about to cure. */
const scaleOutMinutes = 2;

/**
 * A fleet that trains jobs on Spot instances: bucket, queues, network, instances, scaling, alarms.
 *
 *     const training = new SpotTraining(this, 'Training', { maxCapacity: 8 });
 *     training.exportDeployment();
 *
 * Everything that holds data is retained when the stack goes, unless `deleteDataWithStack`.
 * @throws Error for properties that exclude each other or could never train
 */
export class SpotTraining extends Construct {
  /** Journals, checkpoints, programs, inputs. */
  readonly bucket: s3.IBucket;
  readonly jobsQueue: sqs.Queue;
  readonly deadLetterQueue: sqs.Queue;
  /** The Spot instances. */
  readonly workers: autoscaling.AutoScalingGroup;
  /** The On-Demand instances, where `onDemandFallback` asks for them. */
  readonly onDemandWorkers: autoscaling.AutoScalingGroup | undefined;
  /** What every instance runs with. */
  readonly role: iam.Role;
  readonly vpc: ec2.IVpc;
  readonly logGroup: logs.LogGroup;
  readonly alarms: readonly cloudwatch.Alarm[];
  readonly dashboard: cloudwatch.Dashboard;
  readonly #props: SpotTrainingProps;
  readonly #groups: GroupNames;
  readonly #experiment: InterruptionExperiment;

  constructor(scope: Construct, id: string, props: SpotTrainingProps = {}) {
    super(scope, id);
    checkProps(props);
    this.#props = props;
    this.#groups = groupNamesOf(this, { hasFallback: props.onDemandFallback !== undefined });
    const { encryptionKey, deleteDataWithStack = false, logRetention = logs.RetentionDays.ONE_MONTH } = props;
    if (encryptionKey !== undefined) letLogsUse(encryptionKey, this);

    this.bucket = this.#openBucket();
    const queues = new JobQueues(this, 'Queues', { encryptionKey, deleteDataWithStack });
    this.jobsQueue = queues.jobs;
    this.deadLetterQueue = queues.deadLetters;
    this.logGroup = fleetLogGroup(this, 'Logs', {
      retention: logRetention,
      encryptionKey,
      deleteDataWithStack,
    });

    const network = new TrainingNetwork(this, 'Network', {
      vpc: props.vpc,
      vpcSubnets: props.vpcSubnets,
      zones: props.zones ?? 3,
      logRetention,
      encryptionKey,
    });
    this.vpc = network.vpc;
    const image = new WorkerImage(this, 'Image', { runtime: props.runtime ?? 'bundle' });
    this.role = new WorkerRole(this, 'Access', {
      bucket: this.bucket,
      jobs: this.jobsQueue,
      deadLetters: this.deadLetterQueue,
      logGroup: this.logGroup,
      groups: this.#groups,
      encryptionKey,
      image,
      sessionManager: props.sessionManager ?? false,
    }).role;
    const { spot, onDemand } = this.#groups;
    const start = this.#starter(network, image);
    this.workers = start('Spot', { groupName: spot, market: 'spot' });
    this.onDemandWorkers =
      onDemand === undefined ? undefined : start('OnDemand', { groupName: onDemand, market: 'on-demand' });

    const reconcile = new ReconcileSchedule(this, 'Reconcile', {
      store: this.#store,
      bucket: this.bucket,
      jobs: this.jobsQueue,
      encryptionKey,
      logRetention,
      deleteDataWithStack,
    });
    const watch = this.#watch(reconcile);
    this.alarms = watch.alarms;
    this.dashboard = watch.dashboard;
    this.#experiment = new InterruptionExperiment(this, 'Interruption', { spotGroupName: spot });
  }

  /**
   * Lets a person or a program submit jobs, read them and ask for them to pause, resume or end. It allows no deletion, and
   * nothing of the machines beyond asking for one.
   */
  grantSubmit(grantee: iam.IGrantable): iam.Grant {
    return grantSubmit(this, grantee, {
      bucket: this.bucket,
      jobs: this.jobsQueue,
      groups: this.#groups,
      encryptionKey: this.#props.encryptionKey,
    });
  }

  /** Says where everything is as outputs of the stack, for the commands of `holdfast`. Once a stack: their names are fixed. */
  exportDeployment(): void {
    const { instanceTypes, instanceRequirements } = this.#props;
    const types =
      instanceRequirements === undefined
        ? (instanceTypes ?? defaultInstanceTypes)
        : (instanceRequirements.allowedInstanceTypes ?? defaultAllowedTypes);
    addDeploymentOutputs(this, {
      store: this.#store,
      queue: this.jobsQueue.queueUrl,
      deadLetterQueue: this.deadLetterQueue.queueUrl,
      workersGroup: this.workers.autoScalingGroupName,
      ...(this.onDemandWorkers === undefined
        ? {}
        : { onDemandGroup: this.onDemandWorkers.autoScalingGroupName }),
      logGroup: this.logGroup.logGroupName,
      dashboard: this.dashboard.dashboardName,
      interruptTemplate: this.#experiment.template.ref,
      instanceTypes: types.join(','),
    });
  }

  /** The address that workers, the scheduled function and people use alike. */
  get #store(): string {
    return `s3://${this.bucket.bucketName}?region=${Stack.of(this).region}`;
  }

  #openBucket(): s3.IBucket {
    const {
      bucket,
      encryptionKey,
      recoveryWindow = Duration.days(7),
      deleteDataWithStack = false,
    } = this.#props;
    if (bucket !== undefined) return bucket;
    const made = new CheckpointBucket(this, 'Checkpoints', {
      encryptionKey,
      recoveryWindow,
      deleteDataWithStack,
    });
    return asBucket(made.bucket);
  }

  /** Makes groups of one kind of instance; only the name that an instance is told and the market differ. */
  #starter(
    network: TrainingNetwork,
    image: WorkerImage,
  ): (id: string, group: Pick<WorkerGroupProps, 'groupName' | 'market'>) => autoscaling.AutoScalingGroup {
    const { maxCapacity = 4, onDemandFallback, idleTimeout = Duration.minutes(10) } = this.#props;
    return (id, { groupName, market }) => {
      const { template } = new WorkerLaunchTemplate(this, `${id}Template`, {
        imageId: this.#props.imageId,
        rootDiskGib: this.#props.rootDiskGib ?? 100,
        role: this.role,
        securityGroup: network.securityGroup,
        name: groupName,
        bootScript: image.bootScript({
          region: Stack.of(this).region,
          store: this.#store,
          bucket: this.bucket.bucketName,
          queue: this.jobsQueue.queueUrl,
          autoScalingGroup: groupName,
          logGroup: this.logGroup.logGroupName,
          idleTimeoutMs: idleTimeout.toMilliseconds(),
        }),
      });
      return new WorkerGroup(this, id, {
        groupName,
        market,
        vpc: network.vpc,
        vpcSubnets: network.subnets,
        launchTemplate: template,
        role: this.role,
        instanceTypes: this.#props.instanceTypes ?? defaultInstanceTypes,
        instanceRequirements: this.#props.instanceRequirements,
        minCapacity: market === 'spot' ? (this.#props.minCapacity ?? 0) : 0,
        maxCapacity: market === 'spot' ? maxCapacity : (onDemandFallback?.maxCapacity ?? maxCapacity),
        spotMaxPrice: this.#props.spotMaxPrice,
        capacityRebalance: market === 'spot' && (this.#props.capacityRebalance ?? false),
      }).group;
    };
  }

  /** Scaling, events, alarms and the dashboard: everything that reads metrics. */
  #watch(reconcile: ReconcileSchedule): Pick<SpotTraining, 'alarms' | 'dashboard'> {
    const demand = fleetDemand(this.jobsQueue, this.#groups);
    const [withoutWorker, withoutCapacity] = [jobsWithoutWorker(demand), jobsWithoutCapacity(demand)];
    new JobScaling(this, 'Scaling', {
      group: this.workers,
      missing: withoutWorker,
      minutes: scaleOutMinutes,
    });
    const { onDemandFallback, alarmTopic } = this.#props;
    if (onDemandFallback !== undefined && this.onDemandWorkers !== undefined)
      new JobScaling(this, 'Fallback', {
        group: this.onDemandWorkers,
        missing: withoutCapacity,
        minutes: onDemandFallback.after.toMinutes(),
      });
    const { launchFailures, interruptions, brokenInstances } = new FleetEvents(this, 'Events', {
      logGroup: this.logGroup,
      groupNames: namesIn(this.#groups),
    });
    const { alarms } = new FleetAlarms(this, 'Alarms', {
      deadLetters: this.deadLetterQueue,
      launchFailures,
      brokenInstances,
      withoutCapacity,
      reconcileErrors: reconcile.errors,
      topic: alarmTopic,
    });
    const dashboard = fleetDashboard(this, 'Dashboard', {
      alarms,
      demand,
      withoutWorker,
      withoutCapacity,
      interruptions,
      launchFailures,
      deadLetters: this.deadLetterQueue,
    });
    return { alarms, dashboard };
  }
}
