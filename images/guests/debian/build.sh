#!/bin/sh
# Puts guest `debian` together. In: the directory of an unpacked kernel package and the guest's file system. Out: a qcow2 disk that a
# BIOS boots (MBR, a FAT partition with syslinux, kernel and initramfs, an ext4 partition). Called by the Containerfile.
set -eu
kernel=$1
root=$2
disk=$3
work=$(mktemp -d)
here=$(cd "$(dirname "$0")" && pwd)

# Modules in the order in which the initramfs loads them, each after those that it needs. virtio_pci and ext4 are built in.
modules='virtio_blk scsi_common scsi_mod virtio_scsi sd_mod'

initramfs=$work/initramfs
mkdir -p "$initramfs"/bin "$initramfs"/dev "$initramfs"/proc "$initramfs"/sys "$initramfs"/root "$initramfs"/modules
cp "$(command -v busybox)" "$initramfs/bin/busybox"
install -m 755 "$here/init" "$initramfs/init"
for name in $modules; do
    file=$(find "$kernel" -name "$name.ko.xz")
    [ -n "$file" ] || continue # built into this kernel
    xz --decompress --stdout "$file" > "$initramfs/modules/$name.ko"
    echo "$name" >> "$initramfs/modules/order"
done
(cd "$initramfs" && find . | LC_ALL=C sort | cpio --quiet --create --format=newc --owner=0:0) | gzip -9n > "$work/initrd"

# A container build manages these files itself, so they are given their contents here.
ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
echo debian > "$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' > "$root/etc/hosts"

# 1 MiB in front of the first partition, as partitioning tools leave it.
raw=$work/raw
boot_offset=$((2048 * 512))
boot_sectors=65536
root_start=$((2048 + boot_sectors))
truncate --size=2G "$raw"
printf 'start=2048, size=%s, type=e, bootable\nstart=%s, type=83\n' "$boot_sectors" "$root_start" | sfdisk --quiet "$raw"
mkfs.fat -F 16 -n BOOT --offset 2048 "$raw" $((boot_sectors / 2)) > /dev/null
mcopy -i "$raw@@$boot_offset" "$kernel"/boot/vmlinuz-* ::vmlinuz
mcopy -i "$raw@@$boot_offset" "$work/initrd" ::initrd
mcopy -i "$raw@@$boot_offset" "$here/syslinux.cfg" ::syslinux.cfg
syslinux --install --offset "$boot_offset" "$raw"
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$raw" conv=notrunc status=none
mkfs.ext4 -q -L debian -d "$root" -E "offset=$((root_start * 512)),lazy_itable_init=1" "$raw" $(((4194304 - root_start) / 2))k
qemu-img convert -c -O qcow2 -o compression_type=zstd "$raw" "$disk"
rm -r "$work"
