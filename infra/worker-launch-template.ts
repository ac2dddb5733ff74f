import { Tags, aws_ec2 as ec2, type aws_iam as iam } from 'aws-cdk-lib';
import { Construct } from 'constructs';

export interface WorkerLaunchTemplateProps {
  /** What people see beside an instance's id. */
  readonly name: string;
  readonly imageId: string | undefined;
  readonly rootDiskGib: number;
  readonly role: iam.IRole;
  readonly securityGroup: ec2.ISecurityGroup;
  /** The whole script; its strings may hold tokens. */
  readonly bootScript: string;
}

/**
 * AWS's Deep Learning Base image with the NVIDIA driver. The name is resolved when the stack is deployed, so that all
 * instances of one deployment are alike.
 */
const imageParameter =
  '/aws/service/deeplearning/ami/x86_64/base-with-single-cuda-amazon-linux-2023/latest/ami-id';

/** How instances start: no way in, no metadata without a session token, nothing unencrypted on the disk. */
export class WorkerLaunchTemplate extends Construct {
  readonly template: ec2.LaunchTemplate;

  constructor(scope: Construct, id: string, props: WorkerLaunchTemplateProps) {
    super(scope, id);
    const { name, imageId, rootDiskGib, role, securityGroup, bootScript } = props;
    this.template = new ec2.LaunchTemplate(this, 'Template', {
      machineImage:
        imageId === undefined ? ec2.MachineImage.fromSsmParameter(imageParameter) : fixed(imageId),
      userData: ec2.UserData.custom(bootScript),
      role,
      securityGroup,
      requireImdsv2: true,
      // Containers on a bridge network of their own would be one hop further: nothing but the machine itself may ask.
      httpPutResponseHopLimit: 1,
      // What a powered-off instance is worth is in S3; a stopped one would cost its disk for nothing.
      instanceInitiatedShutdownBehavior: ec2.InstanceInitiatedShutdownBehavior.TERMINATE,
      ebsOptimized: true,
      blockDevices: [
        {
          deviceName: '/dev/xvda',
          volume: ec2.BlockDeviceVolume.ebs(rootDiskGib, {
            volumeType: ec2.EbsDeviceVolumeType.GP3,
            encrypted: true,
            deleteOnTermination: true,
          }),
        },
      ],
    });
    Tags.of(this.template).add('Name', name);
  }
}

/** An image by its id in whatever region the stack is deployed to. */
function fixed(imageId: string): ec2.IMachineImage {
  return {
    getImage: () => ({
      imageId,
      osType: ec2.OperatingSystemType.LINUX,
      userData: ec2.UserData.custom(''),
    }),
  };
}
