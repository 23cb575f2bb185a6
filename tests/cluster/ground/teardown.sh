# Takes away everything that a ground left, whole or half, from this checkout or another: by record, never by guess.

tear_down() {
  stop metrics-server coredns kube-proxy kubelet kube-scheduler kube-controller-manager kube-apiserver etcd containerd
  kill_containers
  remove_traces
  unmount_all
  remove_network
  remove_cgroups
  restore_settings
  rm -rf "$RUN" "$VAR"
}

# Containers outlive the servers that started them. Their cgroups know them even when containerd is dead.
kill_containers() {
  [ -d "$RUN" ] || return 0
  local shim
  for _ in 1 2 3; do
    pod_cgroups | while read -r group; do
      { xargs -r kill -KILL <"$group/cgroup.procs" || true; } 2>/dev/null
    done
    for shim in $(pgrep -f "containerd-shim.* -address $RUN/containerd.sock" || true); do
      kill -KILL "$shim" 2>/dev/null || true
    done
    sleep 0.1
  done
}

pod_cgroups() { find /sys/fs/cgroup -depth -type d \( -path '*/kubepods*' -o -path '*/system.slice/containerd.service/kubepods*' \) 2>/dev/null; }

unmount_all() {
  local mount
  for mount in $(awk -v run="$RUN/" -v var="$VAR/" 'index($2, run) == 1 || index($2, var) == 1 { print $2 }' /proc/mounts | sort -r); do
    umount -l "$mount"
  done
}

remove_network() {
  local name
  [ ! -f "$RUN/netns.before" ] || for name in $(ls /run/netns 2>/dev/null | sort | comm -13 "$RUN/netns.before" -); do
    case "$name" in cni-*) ip netns del "$name" ;; esac
  done
  [ ! -d "$RUN" ] || { ip link del cni0 2>/dev/null || true; }
  [ ! -d "$RUN" ] || { remove_rules iptables; remove_rules ip6tables; }
}

# Rules of other programs stay: only jumps to chains of Kubernetes and CNI are deleted, then those chains.
remove_rules() {
  command -v "$1-save" >/dev/null || return 0
  "$1-save" 2>/dev/null | awk '
    /^\*/ { table = $0; flush = chains = jumps = ""; next }
    /^:(KUBE|CNI)-/ { chain = substr($1, 2); flush = flush ":" chain " - [0:0]\n"; chains = chains "-X " chain "\n"; next }
    /^-A (KUBE|CNI)-/ { next }
    /^-A/ && /(KUBE|CNI)-/ { sub(/^-A/, "-D"); jumps = jumps $0 "\n" }
    /^COMMIT/ && flush != "" { printf "%s\n%s%s%sCOMMIT\n", table, flush, jumps, chains }
  ' | "$1-restore" --noflush
}

remove_cgroups() {
  [ -d "$RUN" ] || return 0
  local group
  [ ! -d /run/systemd/system ] || systemctl stop kubepods.slice 2>/dev/null || true
  for _ in $(seq 20); do
    pod_cgroups | while read -r group; do rmdir "$group" 2>/dev/null || true; done
    [ -n "$(pod_cgroups)" ] || break
    sleep 0.1
  done
}

restore_settings() {
  local setting
  [ ! -f "$RUN/settings.before" ] || while read -r setting; do sysctl -qw "$setting" || true; done <"$RUN/settings.before"
}

# Shims, CNI and kubelet write a few files into places of their own choice; ours are told by the ids of our containers.
remove_traces() {
  local task id link
  for task in "$RUN"/containerd/io.containerd.runtime.v2.task/k8s.io/* "$RUN"/containerd/io.containerd.grpc.v1.cri/sandboxes/*; do
    [ -d "$task" ] || continue
    id=$(basename "$task")
    [ ! -f "$task/address" ] || rm -f "$(sed 's|^unix://||' "$task/address")"
    rm -rf "/run/containerd/runc/k8s.io/$id" /var/lib/cni/results/*"$id"*
  done
  for link in /var/log/containers/*.log; do
    case "$(readlink "$link" 2>/dev/null)" in "$VAR"/*) rm -f "$link" ;; esac
  done
  [ ! -d "$RUN" ] || rm -f /var/lib/kubelet/device-plugins/kubelet.sock
  for task in /run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers; do
    [ ! -d "$task" ] || find "$task" -depth -type d -empty -delete
  done
}
