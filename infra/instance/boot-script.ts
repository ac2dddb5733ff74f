import { workerEnvironment } from '../../lib/contract/worker-environment.ts';
import type { BootFacts, ContainerBootFacts } from './boot-facts.ts';
import { recipeDigest, runtimeKeys } from './runtime-recipe.ts';

/**
 * User data of an instance: fetches the worker bundle, checks its digest, and hands over to `instance/prepare.sh` in it.
 * What can fail before that is all that is in here; the rest of the boot comes with the bundle, since user data is limited
 * to 16 KiB. When any step of either fails, the console and the log say why, and the instance is replaced.
 */
export function bootScript(facts: BootFacts | ContainerBootFacts): string {
  return ['#!/bin/bash', '# shellcheck disable=SC2034', ...settings(facts), body].join('\n');
}

/** One assignment a line. Tokens stand in them as they are: no name that AWS gives holds a quote. */
function settings(facts: BootFacts | ContainerBootFacts): readonly string[] {
  const values: Readonly<Record<string, string>> = {
    region: facts.region,
    bundle: facts.bundle,
    bundle_sha256: facts.bundleSha256,
    auto_scaling_group: facts.autoScalingGroup,
    log_group: facts.logGroup,
    runtime_pointer: `s3://${facts.bucket}/${runtimeKeys().pointer}`,
    runtime_archives: `s3://${facts.bucket}/${runtimeKeys().archives}`,
    runtime_digest: recipeDigest(),
    image: 'image' in facts ? facts.image : '',
    [workerEnvironment.store]: facts.store,
    [workerEnvironment.queue]: facts.queue,
    [workerEnvironment.idleExitMs]: String(facts.idleTimeoutMs),
  };
  return Object.entries(values).map(([name, value]) => `${name}=${quoted(value)}`);
}

/** As one word for a shell, whatever it holds. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

const body = String.raw`
set -Eeuo pipefail
umask 022
export AWS_DEFAULT_REGION="$region" HOME=/root
export PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Every path begins with it. Nobody sets it on a machine; a rehearsal of the boot does.
root=${'${'}HOLDFAST_BOOT_ROOT-}
step='opening the log'
mkdir -p "$root/var/log/holdfast" "$root/opt/holdfast" "$root/etc/holdfast"
exec > >(tee -a "$root/var/log/holdfast/boot.log") 2>&1

say() { printf 'holdfast-boot: %s\n' "$*"; }

imds=http://169.254.169.254/latest
metadata() {
  local token
  token=$(curl -sSf -m 5 --retry 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$imds/api/token") &&
    curl -sSf -m 5 --retry 3 -H "X-aws-ec2-metadata-token: $token" "$imds/meta-data/$1"
}

# Two minutes pass before the instance is given up: its last lines reach the log, a person can look, and a deployment
# that never boots does not start new machines without a pause.
give_up() {
  local code=$? id
  trap - EXIT
  [ "$code" -ne 0 ] || exit 0
  say "failed while $step (exit $code); this instance is going to be replaced"
  sleep 120
  id=$(metadata instance-id) &&
    aws autoscaling set-instance-health --instance-id "$id" --health-status Unhealthy \
      --no-should-respect-grace-period && exit "$code"
  # Whoever cannot even say so powers off, which ends the instance too.
  say 'the Auto Scaling group could not be told; powering off'
  systemctl poweroff
  exit "$code"
}
trap give_up EXIT

# A trap hears of what fails, not of what hangs. The first boot of all, which builds the runtime, takes minutes.
step='limiting the time of the boot'
systemd-run --quiet --unit holdfast-boot-limit --on-active 3600 /bin/sh -c \
  "echo 'holdfast-boot: not done after an hour; powering off' >>'$root/var/log/holdfast/boot.log'; systemctl poweroff" ||
  say 'nothing limits the time of this boot'

# Runs a command up to five times: 2, 4, 8 and 16 s between them, half a minute in all.
patiently() {
  local wait
  for wait in 2 4 8 16 last; do
    "$@" && return 0
    [ "$wait" = last ] && return 1
    say "again in $wait s: $*"
    sleep "$wait"
  done
}

step='fetching the worker bundle'
say "$step $bundle"
patiently aws s3 cp --only-show-errors "$bundle" "$root/opt/holdfast/worker.tar"

step='checking the digest of the worker bundle'
printf '%s  %s\n' "$bundle_sha256" "$root/opt/holdfast/worker.tar" | sha256sum -c --quiet -

step='unpacking the worker bundle'
rm -rf "$root/opt/holdfast/app"
mkdir -p "$root/opt/holdfast/app"
tar -xf "$root/opt/holdfast/worker.tar" --no-same-owner -C "$root/opt/holdfast/app"
rm "$root/opt/holdfast/worker.tar"

step='preparing the machine'
# shellcheck disable=SC1091
. "$root/opt/holdfast/app/instance/prepare.sh"
systemctl stop holdfast-boot-limit.timer || say 'the limit of the boot still stands'
say 'done'
`;
