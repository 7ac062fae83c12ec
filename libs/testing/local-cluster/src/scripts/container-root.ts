import { OVERLAY_ROOT } from './overlay-root.js';

/**
 * Builds the root of one container inside its fresh mount, pid, uts and ipc namespaces, then becomes the container's init.
 *
 * Arguments: the container's directory, its hostname, its working directory, `all` or `few` devices, then the command.
 * The directory holds `mounts`: lines of `source TAB target TAB ro|rw TAB private|slave TAB type`, sources as the node sees
 * them. Descriptor 3 hears `error <text>` or `ready <pid of this shell as the node sees it>`; 4 and 5 become
 * the standard output and error of the command, so that nothing but its own words is in its log.
 */
export const CONTAINER_ROOT_SCRIPT = `
${OVERLAY_ROOT}
TAB='	'
fail() { printf 'error %s\\n' "$*" >&3; exit 125; }
read -r self rest </proc/self/stat
directory=$1 name=$2 workdir=$3 devices=$4
shift 4
cd "$directory" || fail "no directory $directory"
build() {
  hostname "$name" &&
  overlay_root /run/weft/host upper work root &&
  show_mounts /run/weft/host root &&
  if [ "$devices" = all ]; then mount --rbind /dev root/dev; else mount --rbind /run/weft/dev root/dev; fi &&
  mount -t tmpfs -o mode=1777 shm root/dev/shm &&
  mount -t proc proc root/proc &&
  { mount -t sysfs sysfs root/sys 2>/dev/null || mount --rbind /sys root/sys; } &&
  chmod 1777 tmp &&
  mount --bind tmp root/tmp &&
  show_shared root &&
  mount --bind run root/run
}
problem=$(build 2>&1) || fail "cannot build the root file system: $problem"
while IFS=$TAB read -r source target mode propagation type; do
  case $type in
    DirectoryOrCreate|any) [ -e "$source" ] || mkdir -p "$source" || fail "cannot create hostPath $source" ;;
    FileOrCreate) [ -e "$source" ] || : > "$source" || fail "cannot create hostPath $source" ;;
    Directory) [ -d "$source" ] || fail "hostPath type check failed: $source is not a directory" ;;
    File) [ -f "$source" ] || fail "hostPath type check failed: $source is not a file" ;;
    Socket) [ -S "$source" ] || fail "hostPath type check failed: $source is not a socket" ;;
    CharDevice) [ -c "$source" ] || fail "hostPath type check failed: $source is not a character device" ;;
    BlockDevice) [ -b "$source" ] || fail "hostPath type check failed: $source is not a block device" ;;
    *) [ -e "$source" ] || fail "the source $source of mount $target does not exist" ;;
  esac
  if [ -d "$source" ]; then
    [ -d "root$target" ] || mkdir -p "root$target" || fail "cannot create mount point $target"
  elif [ ! -e "root$target" ]; then
    mkdir -p "root\${target%/*}" && : > "root$target" || fail "cannot create mount point $target"
  fi
  problem=$(mount --rbind "$source" "root$target" 2>&1) || fail "cannot mount $source at $target: $problem"
  if [ "$propagation" = private ]; then mount --make-rprivate "root$target"; fi
done < mounts
# Last, so that a mount point inside another volume could be made.
while IFS=$TAB read -r source target mode propagation type; do
  if [ "$mode" = ro ]; then
    problem=$(mount -o remount,bind,ro "root$target" 2>&1) || fail "cannot make $target read-only: $problem"
  fi
done < mounts
cd root || fail 'no root'
mkdir -p run/.old "./$workdir"
problem=$(pivot_root . run/.old 2>&1) || fail "pivot_root: $problem"
cd /
umount -l /run/.old && rmdir /run/.old || fail 'cannot leave the old root'
printf 'ready %s\\n' "$self" >&3
exec 3>&- >&4 2>&5 4>&- 5>&-
exec "$@"
`;
