/**
 * Shell function `overlay_root LOWER UPPER WORK ROOT`: shows the directory tree LOWER at ROOT with all writes kept in UPPER.
 *
 * One overlay where the kernel allows it. In a user namespace it does not, because LOWER holds mounts that we may not take
 * apart: then ROOT is a tmpfs with one overlay per top-level directory, and a bind mount where even that is refused.
 */
export const OVERLAY_ROOT = `
overlay_root() {
  if [ "$OVERLAY" = whole ]; then
    mount -t overlay overlay -o "lowerdir=\${1:-/},upperdir=$2,workdir=$3" "$4"
    return
  fi
  mount -t tmpfs -o mode=755 root "$4"
  for entry in "$1"/*; do
    name=\${entry##*/}
    if [ -L "$entry" ]; then cp -P --no-preserve=ownership "$entry" "$4/$name" 2>/dev/null || ln -s "$(readlink "$entry")" "$4/$name"; continue; fi
    [ -d "$entry" ] || continue
    mkdir -p "$4/$name"
    case $name in proc|sys|dev|run|tmp|boot|lost+found) continue;; esac
    mkdir -p "$2/$name" "$3/$name"
    mount -t overlay overlay -o "lowerdir=$entry,upperdir=$2/$name,workdir=$3/$name,userxattr" "$4/$name" 2>/dev/null ||
      mount --rbind "$entry" "$4/$name"
  done
  for entry in "$2"/*; do
    name=\${entry##*/}
    if [ -d "$entry" ] && [ ! -e "$4/$name" ]; then mkdir "$4/$name"; mount --bind "$entry" "$4/$name"; fi
  done
}
# show_mounts HOST ROOT: other file systems of the host (a separate /home, a volume) that an overlay of / does not cross into.
show_mounts() {
  [ "$OVERLAY" = whole ] || return 0
  for point in $HOST_MOUNTS; do
    [ -d "$2$point" ] && mount --bind "$1$point" "$2$point" 2>/dev/null || true
  done
}
# show_shared ROOT: folders that are wanted although they lie below a private /tmp.
show_shared() {
  for point in $SHARED_PATHS; do
    mkdir -p "$1$point" && mount --rbind "$point" "$1$point" || return 1
  done
}
`;
