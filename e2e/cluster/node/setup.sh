# Runs as the first process of the namespaces of a node: prepares them, then becomes containerd.
# setup.sh FOLDER NODE ADDRESS BUSYBOX
set -eu
dir="$1" node="$2" address="$3" busybox="$4"
ip() { "$busybox" ip "$@"; }
mount --make-rshared /

# Fixed paths of kubelet and containerd.
for path in /var/lib /var/log; do
	mkdir -p "$dir/fixed$path"
	mount --bind "$dir/fixed$path" "$path"
done

# kubelet demands these values, which are those of the whole machine: let it read them.
while read -r file value; do
	echo "$value" >"$dir/sysctl.$(basename "$file")"
	mount --bind "$dir/sysctl.$(basename "$file")" "/proc/sys/$file"
done <<END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END

hostname "$node"
ip link set lo up
ip link add cni0 type bridge
ip addr add "$address/24" dev cni0
ip link set cni0 up
echo 1 >/proc/sys/net/ipv4/ip_forward
exec containerd --config "$dir/containerd.toml"
