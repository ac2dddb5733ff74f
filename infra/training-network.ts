import { Fn, RemovalPolicy, aws_ec2 as ec2, aws_kms as kms, aws_logs as logs } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { asVpc } from './construct-interfaces.ts';

export interface TrainingNetworkProps {
  /** A network that exists; without it one is made. */
  readonly vpc: ec2.IVpc | undefined;
  readonly vpcSubnets: ec2.SubnetSelection | undefined;
  readonly zones: number;
  readonly logRetention: logs.RetentionDays;
  readonly encryptionKey: kms.IKey | undefined;
}

/**
 * Where instances live: subnets in every zone, since a Spot replacement is often in another one. Public addresses cost
 * nothing beside a NAT gateway, and nothing can connect to them: the security group has no ingress. S3 is reached through
 * a gateway endpoint, which is free.
 */
export class TrainingNetwork extends Construct {
  readonly vpc: ec2.IVpc;
  readonly subnets: ec2.SubnetSelection;
  readonly securityGroup: ec2.SecurityGroup;

  constructor(scope: Construct, id: string, props: TrainingNetworkProps) {
    super(scope, id);
    this.vpc = props.vpc ?? asVpc(this.#make(props));
    this.subnets = props.vpcSubnets ?? (props.vpc === undefined ? { subnetType: ec2.SubnetType.PUBLIC } : {});
    this.securityGroup = new ec2.SecurityGroup(this, 'Workers', {
      vpc: this.vpc,
      description: 'Holdfast workers: nothing comes in',
      allowAllOutbound: true,
    });
  }

  #make({ zones, logRetention, encryptionKey }: TrainingNetworkProps): ec2.Vpc {
    const vpc = new ec2.Vpc(this, 'Vpc', {
      ipAddresses: ec2.IpAddresses.cidr('10.0.0.0/16'),
      // A stack that knows no region would be given two zones; this takes as many as it is told, wherever it is deployed.
      availabilityZones: Array.from({ length: zones }, (_, zone) => Fn.select(zone, Fn.getAzs())),
      natGateways: 0,
      subnetConfiguration: [{ name: 'Public', subnetType: ec2.SubnetType.PUBLIC, cidrMask: 20 }],
      gatewayEndpoints: { S3: { service: ec2.GatewayVpcEndpointAwsService.S3 } },
      // Emptying the default group needs a function with rights over security groups; nothing of this network is in it.
      restrictDefaultSecurityGroup: false,
    });
    const flowLogs = new logs.LogGroup(this, 'FlowLogs', {
      retention: logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
      ...(encryptionKey === undefined ? {} : { encryptionKey }),
    });
    vpc.addFlowLog('FlowLog', { destination: ec2.FlowLogDestination.toCloudWatchLogs(flowLogs) });
    return vpc;
  }
}
