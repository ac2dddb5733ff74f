import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import cdkJson from '../../cdk.json' with { type: 'json' };
import { SpotTraining } from '../../infra/spot-training.ts';
import type { SpotTrainingProps } from '../../infra/spot-training-props.ts';

export interface FleetStack {
  readonly app: App;
  readonly stack: Stack;
  readonly training: SpotTraining;
  /** Synthesized on first use. */
  readonly template: Template;
}

let folder: string | undefined;

/** Templates are shared between tests, so their folder goes with the process and not with a test. */
function assemblies(): string {
  if (folder !== undefined) return folder;
  const made = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  folder = made;
  return made;
}

/** The stack of the app, with these properties: the feature flags are those of cdk.json. */
export function aFleetStack(
  props: SpotTrainingProps | ((stack: Stack) => SpotTrainingProps) = {},
  also: (fleet: Omit<FleetStack, 'template'>) => void = () => {},
): FleetStack {
  const app = new App({
    // Bundles stay where they are: copying them into every assembly would take longer than the test.
    context: { ...cdkJson.context, 'aws:cdk:disable-asset-staging': true },
    outdir: mkdtempSync(join(assemblies(), 'app-')),
    analyticsReporting: false,
  });
  const stack = new Stack(app, 'Holdfast');
  const training = new SpotTraining(stack, 'Training', typeof props === 'function' ? props(stack) : props);
  also({ app, stack, training });
  let template: Template | undefined;
  return {
    app,
    stack,
    training,
    get template() {
      template ??= Template.fromStack(stack);
      return template;
    },
  };
}

/** What a template holds, which CloudFormation knows and the compiler does not. */
type Document = ReturnType<Template['findResources']>[string];

/** A resource of a template as far as tests look at it. */
export interface Resource {
  readonly Type: string;
  readonly Properties: Document;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly UpdatePolicy?: Readonly<Record<string, unknown>>;
  readonly DependsOn?: readonly string[];
}

/** Every resource of a type, by logical id. */
export function resourcesOf(template: Template, type: string): ReadonlyMap<string, Resource> {
  return new Map(Object.entries(template.findResources(type) as Record<string, Resource>));
}

/** The one resource of a type. */
export function onlyResource(template: Template, type: string): Resource {
  const found = [...resourcesOf(template, type).values()];
  if (found.length !== 1) throw new Error(`there are ${found.length} resources of type ${type}`);
  return found[0]!;
}
