import type { CdkOptions } from './cdk-session.ts';

/** What the commands that deploy are given, once their options have been parsed. */
export interface DeployInput extends CdkOptions {
  /** The stack of the app, where it has several. */
  readonly stack?: string;
}

export interface UpInput extends DeployInput {
  /** Asks nobody. */
  readonly yes: boolean;
  /** Deploys nothing: reads what a deployment wrote. */
  readonly outputs?: string;
}

export interface DownInput extends DeployInput {
  readonly yes: boolean;
  /** Also while jobs run. */
  readonly force: boolean;
  /** The bucket goes too, with every job in it. */
  readonly deleteData: boolean;
}

export interface InitInput {
  readonly folder: string;
}
