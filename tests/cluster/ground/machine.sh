# What kind of machine this is, what stands in the way, and the few settings that the ground changes (and puts back).

SETTINGS=(net.ipv4.ip_forward=1 fs.inotify.max_user_instances=1024 net.bridge.bridge-nf-call-iptables=1 net.ipv4.conf.all.route_localnet=1)

# Sets CGROUP_DRIVER, SYSTEMD_CGROUP, RESERVED_MIB.
detect_machine() {
  CGROUP_DRIVER=cgroupfs SYSTEMD_CGROUP=false
  if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
    say "note: cgroup v2 is handled by configuration and was never tried by us; please tell us how it goes"
    if [ -d /run/systemd/system ]; then
      CGROUP_DRIVER=systemd SYSTEMD_CGROUP=true
    fi
  elif [ -d /run/systemd/system ]; then
    say "note: systemd with cgroup v1 was never tried by us; the cgroupfs driver is used"
  fi
  local total
  total=$(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
  RESERVED_MIB=$((total / 6 < 4096 ? total / 6 : 4096))
}

# Called when nothing of ours runs: whatever is there now belongs to somebody else.
refuse_if_in_the_way() {
  [ "$(id -u)" = 0 ] || fail "a node needs root: run as root"
  if ip link show cni0 >/dev/null 2>&1; then
    fail "a bridge cni0 exists that is not ours: another Kubernetes or CNI uses this machine"
  fi
  if iptables-save 2>/dev/null | grep -q '^:KUBE-SERVICES'; then
    fail "iptables has rules of another Kubernetes: stop it first"
  fi
  local port
  for port in 10248 10249 10256 10257 10259 12379 12380; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      fail "port $port on 127.0.0.1 is taken: $(ss -Hltnp "sport = :$port" | awk '{ print $NF }')"
    fi
  done
}

# Remembers what was there, so that `down` removes ours alone and puts settings back.
remember_machine() {
  local setting name
  ls /run/netns 2>/dev/null | sort >"$RUN/netns.before" || true
  for setting in "${SETTINGS[@]}"; do
    name=${setting%=*}
    [ ! -e "/proc/sys/${name//.//}" ] || echo "$name=$(sysctl -n "$name")" >>"$RUN/settings.before"
  done
}

change_settings() {
  modprobe br_netfilter 2>/dev/null || true # built in, or a module, or not there: the next line tells
  local setting
  for setting in "${SETTINGS[@]}"; do
    sysctl -qw "$setting" || fail "cannot set $setting"
  done
}
