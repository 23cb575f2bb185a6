# Where the one ground of this machine keeps its record, and how a process is started, found again and stopped.

RUN=/run/presale-ground     # record, keys, sockets: gone with a reboot, as the processes are
VAR=/var/lib/presale-ground # images, etcd, logs
NODE_IP=10.244.0.1
ADMIN=$RUN/kubeconfig/admin

# In the order of their start; a stop goes backwards.
SERVERS=(containerd etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy coredns metrics-server)

say() { printf '%s\n' "$*" >&2; }
fail() { say "ground: $*"; exit 1; }
kubectl() { "${BIN[kubectl]}" --kubeconfig "$ADMIN" "$@"; }

# One `up` or `down` at a time on this machine; a process that we start must not inherit the lock.
take_lock() {
  exec 9>/run/presale-ground.lock
  flock -n 9 || { say "another cluster-up or cluster-down is at work: waiting ..."; flock 9; }
}

# Process id and start time together name a process for good: ids are used again, pairs are not.
start_time() { awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null; }

start() {
  local name=$1
  shift
  setsid "$@" >>"$VAR/log/$name.log" 2>&1 </dev/null 9>&- &
  echo "$! $(start_time $!)" >"$RUN/processes/$name"
}

# The process id of a server of ours that still runs, else nothing.
running() {
  local id since
  read -r id since 2>/dev/null <"$RUN/processes/$1" || return 1
  [ -n "$since" ] && [ "$(start_time "$id")" = "$since" ] && echo "$id"
}

# Kills servers and waits until they are gone. Nothing of what they would still write is kept, so no time is given.
stop() {
  local name id
  for name in "$@"; do
    id=$(running "$name") && kill -KILL "$id" 2>/dev/null
  done
  for name in "$@"; do
    while running "$name" >/dev/null; do sleep 0.05; done
    rm -f "$RUN/processes/$name"
  done
}

# wait_for NAME SECONDS COMMAND...: the end of the server's log tells why it was in vain.
wait_for() {
  local name=$1 limit=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $limit ] || { [ -f "$RUN/processes/$name" ] && ! running "$name" >/dev/null; }; then
      tail -20 "$VAR/log/$name.log" >&2
      fail "$name did not become ready; its log is $VAR/log/$name.log"
    fi
    sleep 0.1
  done
}

# A configuration file with this machine's values in it.
render() {
  sed -e "s|@RUN@|$RUN|g; s|@VAR@|$VAR|g; s|@NODE_IP@|$NODE_IP|g" \
    -e "s|@CGROUP_DRIVER@|$CGROUP_DRIVER|g; s|@SYSTEMD_CGROUP@|$SYSTEMD_CGROUP|g; s|@RESERVED_MIB@|$RESERVED_MIB|g" \
    "$HERE/config/$1"
}
