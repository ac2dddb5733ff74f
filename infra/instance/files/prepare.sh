# shellcheck shell=bash
# Makes a worker out of a machine whose worker bundle is unpacked. The boot script (boot-script.ts) sources this file and
# brings its settings, its functions (say, patiently) and its trap: any command that fails here gives the machine up.
# shellcheck disable=SC2154,SC2034

home=$root/opt/holdfast
instance=$home/app/instance

step='making the user'
# A login for nobody: what a job may do on the machine is what this user may.
getent passwd holdfast >/dev/null || useradd --system --user-group --home-dir /var/lib/holdfast --shell /sbin/nologin holdfast
for group in video render; do
  if getent group "$group" >/dev/null; then usermod -aG "$group" holdfast; fi
done

# Scratch space on a disk of the instance itself where there is one: faster than the root disk, and paid for already.
# The image may have mounted it; else the first that nothing uses is formatted. It is empty at every start, so that an
# error here costs speed and nothing else.
step='finding scratch space'
scratch=$root/var/lib/holdfast
if mountpoint -q "$root/opt/dlami/nvme"; then
  scratch=$root/opt/dlami/nvme/holdfast
else
  for link in "$root"/dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_*; do
    [ -e "$link" ] || continue
    disk=$(readlink -f "$link")
    # One line: the disk itself, without partitions, volumes or a place where it is mounted.
    [ "$(lsblk -nro NAME,MOUNTPOINTS "$disk" | tr -s ' \n' '\n' | grep -c .)" = 1 ] || continue
    mkdir -p "$root/mnt/holdfast"
    if mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=1 "$disk" && mount -o noatime "$disk" "$root/mnt/holdfast"; then
      scratch=$root/mnt/holdfast
      break
    fi
    say "$disk could not be used for scratch space"
  done
fi
work=$scratch/work
ptx=$scratch/ptx
say "scratch space is $scratch"
mkdir -p "$work" "$ptx" "$root/var/lib/holdfast"
chown holdfast:holdfast "$work" "$ptx" "$root/var/lib/holdfast"
chmod 0700 "$work" "$ptx"

# The worker may neither load modules nor make device files: both are done here, once, by root. Whether the GPU computes
# is for the worker to find out; it takes no job where it does not.
step='waking the GPU'
nvidia-smi -L || say 'nvidia-smi finds no GPU'
if command -v nvidia-modprobe >/dev/null; then nvidia-modprobe -u -c0 || say 'nvidia-modprobe failed'; fi

# Before anything that takes long or fails. Where the agent is missing, what the worker says is still in the bucket (log
# segments of each job) and on this disk.
step='shipping logs'
mkdir -p "$root/etc/logrotate.d" "$root/opt/aws/amazon-cloudwatch-agent/etc"
cp "$instance/logrotate.conf" "$root/etc/logrotate.d/holdfast"
touch "$root/var/log/holdfast/worker.log"
sed "s|@LOG_GROUP@|$log_group|" "$instance/cloudwatch-agent.json" >"$root/opt/aws/amazon-cloudwatch-agent/etc/holdfast.json"
agent=$root/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl
[ -x "$agent" ] || timeout 120 dnf install -y -q amazon-cloudwatch-agent || say 'the CloudWatch agent is not installed'
if [ -x "$agent" ]; then
  timeout 60 "$agent" -a append-config -m ec2 -s -c "file:$root/opt/aws/amazon-cloudwatch-agent/etc/holdfast.json" ||
    say 'the CloudWatch agent does not start'
fi

# What the pointer held, where there was one; it stays so when the archive behind it turns out to be of no use.
found=

# Takes the runtime from the bucket: 0 when it is there and whole. Every worker may write there, and root unpacks: so nothing
# but the runtime's own folders comes out of an archive, with no owner and no right to become one.
restore_runtime() {
  found=$(aws s3 cp --only-show-errors "$runtime_pointer" - 2>/dev/null) || { found=; return 1; }
  [[ $found =~ ^[0-9a-f]{64}$ ]] || { say 'what the pointer of the runtime holds is no digest'; return 1; }
  say "restoring the runtime $found"
  patiently aws s3 cp --only-show-errors "$runtime_archives$found.tar.gz" "$scratch/runtime.tar.gz" || return 1
  if ! printf '%s  %s\n' "$found" "$scratch/runtime.tar.gz" | sha256sum -c --quiet -; then
    say 'the archive of the runtime is damaged'
    return 1
  fi
  tar -xzf "$scratch/runtime.tar.gz" --no-same-owner --no-same-permissions -C "$home" \
    cuda node node_modules runtime.digest || return 1
  find "$home/cuda" "$home/node" "$home/node_modules" -type f -perm /6000 -exec chmod ug-s {} +
}

# Keeps the runtime for the machines that come after this one. The archive is named by its digest and the pointer goes
# last, unless there is a new one by now: of two builders one wins, and either archive will do. Nothing rests on success.
keep_runtime() {
  local sha256 current condition=(--if-none-match '*')
  tar -c --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$home" cuda node node_modules runtime.digest |
    gzip -1 -n >"$scratch/runtime.tar.gz" || return 1
  sha256=$(sha256sum "$scratch/runtime.tar.gz" | cut -d ' ' -f 1)
  [[ $sha256 =~ ^[0-9a-f]{64}$ ]] || return 1
  current=$(aws s3 cp --only-show-errors "$runtime_pointer" - 2>/dev/null) || current=
  if [ "$current" != "$found" ]; then
    say 'another machine has kept the runtime'
    return 0
  fi
  # A pointer to nothing usable would make every machine build for ever: it is replaced.
  [ -z "$found" ] || condition=()
  aws s3 cp --only-show-errors "$scratch/runtime.tar.gz" "$runtime_archives$sha256.tar.gz" || return 1
  printf '%s' "$sha256" >"$scratch/runtime.sha256"
  local address=${runtime_pointer#s3://}
  aws s3api put-object --bucket "${address%%/*}" --key "${address#*/}" --body "$scratch/runtime.sha256" \
    "${condition[@]}" >/dev/null || return 1
  say "kept the runtime $sha256"
}

if [ -n "$image" ]; then
  step='fetching the container image'
  registry=${image%%/*}
  aws ecr get-login-password | docker login --username AWS --password-stdin "$registry"
  patiently docker pull --quiet "$image"
  # The user of the image; the host's own of that name has another number.
  chown 10001:10001 "$work" "$ptx"
  kind=-container
else
  step='restoring the runtime'
  kind=
  # An image may bring the runtime along; it is taken only where it is the very same.
  if [ "$(cat "$home/runtime.digest" 2>/dev/null)" = "$runtime_digest" ]; then
    say 'the runtime came with the machine image'
  elif ! restore_runtime; then
    step='building the runtime'
    say "$step $runtime_digest"
    rm -rf "$home/node" "$home/node_modules" "$home/cuda"
    bash "$instance/build-runtime.sh" "$home" "$scratch/build"
    printf '%s' "$runtime_digest" >"$home/runtime.digest"
    keep_runtime || say 'the runtime was not kept; the next machine builds it again'
  fi
  rm -rf "$scratch/runtime.tar.gz" "$scratch/runtime.sha256" "$scratch/build"
  chmod -R go-w "$home"
fi

# Threads as on the smallest of the usual types: what the processor sums depends on their number, and a job moves between
# sizes that have the same GPU.
step='writing the environment of the worker'
# shellcheck disable=SC2154
(
  umask 077
  cat >"$root/etc/holdfast/worker.env" <<END
HOLDFAST_STORE=$HOLDFAST_STORE
HOLDFAST_QUEUE=$HOLDFAST_QUEUE
HOLDFAST_IDLE_EXIT_MS=$HOLDFAST_IDLE_EXIT_MS
HOLDFAST_AUTO_SCALING_GROUP=$auto_scaling_group
HOLDFAST_WORK_DIR=$work
HOLDFAST_GPU=required
HOLDFAST_RUNTIME=$runtime_digest
AWS_REGION=$region
TF_FORCE_GPU_ALLOW_GROWTH=true
TF_CPP_MIN_LOG_LEVEL=1
TF_NUM_INTRAOP_THREADS=4
CUDA_CACHE_PATH=$ptx
CUDA_CACHE_MAXSIZE=4294967296
END
)
# A container has libraries of its own.
[ -n "$image" ] || printf 'LD_LIBRARY_PATH=%s\n' "$home/cuda/lib" >>"$root/etc/holdfast/worker.env"
printf 'HOLDFAST_IMAGE=%s\nHOLDFAST_WORK_DIR=%s\nCUDA_CACHE_PATH=%s\n' "$image" "$work" "$ptx" >"$root/etc/holdfast/container.env"

step='starting the worker'
mkdir -p "$root/etc/systemd/system"
for unit in worker after-exit; do
  cp "$instance/holdfast-$unit$kind.service" "$root/etc/systemd/system/holdfast-$unit.service"
done
systemctl daemon-reload
systemctl enable --now holdfast-worker.service
