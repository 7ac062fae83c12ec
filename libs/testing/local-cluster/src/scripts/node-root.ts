import { OVERLAY_ROOT } from './overlay-root.js';

/**
 * Builds the root of one node inside its fresh mount namespace and moves into it. Working directory: the node's directory,
 * which the cluster process sees too; `kubelet`, `cni` and `opt-cni` in it are the doors through which it works on the node.
 *
 * The node is left with: its own tmpfs on /run, /etc/cni, /opt/cni and /var/lib/kubelet; the host's tree at /run/weft/host, to
 * lay container roots over; a /dev with only harmless devices at /run/weft/dev.
 */
export const NODE_ROOT_SCRIPT = `set -e
${OVERLAY_ROOT}
overlay_root '' upper work root
show_mounts '' root
mount -t tmpfs -o mode=755 run root/run
mkdir -p root/run/netns
mount -t tmpfs -o mode=755 netns root/run/netns
mkdir -p root/run/lock root/run/weft/host root/run/weft/dev root/run/weft/old
for door in etc/cni:cni opt/cni:opt-cni var/lib/kubelet:kubelet; do
  target=root/\${door%%:*}
  [ -d "$target" ] || mkdir -p "$target"
  mount --bind "\${door##*:}" "$target"
done
if [ "$OVERLAY" = whole ]; then mount --bind / root/run/weft/host; else mount --rbind / root/run/weft/host; fi
mount --rbind /dev root/dev
mount -t proc proc root/proc
mount -t sysfs sysfs root/sys 2>/dev/null || mount --rbind /sys root/sys
if [ "$OVERLAY" != whole ]; then mount -t tmpfs tmp root/tmp; else mkdir -p tmp; mount --bind tmp root/tmp; fi
chmod 1777 root/tmp
show_shared root
cd root/run/weft/dev
mount -t tmpfs -o mode=755 dev .
cd ../dev
mkdir pts shm net
for device in null zero full random urandom tty ptmx net/tun fuse; do
  [ -e /dev/$device ] || continue
  : > $device
  mount --bind /dev/$device $device
done
mount --rbind /dev/pts pts
ln -s /proc/self/fd fd
ln -s /proc/self/fd/0 stdin
ln -s /proc/self/fd/1 stdout
ln -s /proc/self/fd/2 stderr
cd ../../..
pivot_root . run/weft/old
umount -l run/weft/old
rmdir run/weft/old
mount --make-rshared /
`;
