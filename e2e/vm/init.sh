#!/bin/busybox sh
# The first process: mounts the disks and starts systemd. If it fails it exits, so the kernel
# panics and QEMU exits.
set -e
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
for module in /mod/*; do [ ! -e "$module" ] || insmod "$module"; done # some kernels need none

mount -t ext4 -o noatime,noinit_itable /dev/vda /root
cd /root
mkdir -p dev proc run sys tmp work
chmod 1777 tmp
mount -t ext4 -o noatime,noinit_itable /dev/vdb work
mount -t tmpfs -o mode=755,nosuid,nodev run run # systemd uses it
mkdir -p run/systemd/system
cp /e2e.service run/systemd/system
# Raw mode: line feeds are not converted.
for port in 1 2 3; do stty -F /dev/ttyS$port raw -echo; done
mount --move /dev dev
exec switch_root . /lib/systemd/systemd
