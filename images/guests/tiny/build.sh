#!/bin/sh
# Puts guest `tiny` together. In: the directory of an unpacked kernel package, and root/ beside this file. Out, in a directory: disk.qcow2, a
# disk that a BIOS boots (MBR, one FAT partition, syslinux); vmlinuz and initrd, for machines that boot a kernel. Called by the Containerfile.
set -eu
kernel=$1
out=$2
work=$(mktemp -d)
here=$(cd "$(dirname "$0")" && pwd)

# Modules in the order in which the guest loads them, each after those that it needs. virtio_pci, virtio_console and ext4 are built in.
modules='failover net_failover virtio_net
virtio_blk scsi_common scsi_mod virtio_scsi sd_mod cdrom sr_mod isofs fat vfat nls_cp437 nls_ascii
rng-core virtio-rng virtio_balloon button evdev'
# Modules that are there for whoever wants them: they are for devices that few machines have, and a start does not wait for them.
more_modules='watchdog i6300esb pvpanic pvpanic-mmio pvpanic-pci virtio_input'

initramfs=$work/initramfs
mkdir -p "$initramfs"
cp -r "$here/root/." "$initramfs"
cd "$initramfs"
mkdir -p bin sbin usr/bin usr/sbin dev proc sys run tmp mnt root home www lib/modules var/log
cp "$(command -v busybox)" bin/busybox
for name in $(bin/busybox --list-full); do
    [ -e "$name" ] || ln -s /bin/busybox "$name"
done
for name in $modules $more_modules; do
    file=$(find "$kernel" -name "$name.ko.xz")
    [ -n "$file" ] || continue # built into this kernel
    xz --decompress --stdout "$file" > "lib/modules/$name.ko"
done
for name in $modules; do
    [ ! -e "lib/modules/$name.ko" ] || echo "$name" >> lib/modules/order
done
ln -s sbin/init init
chmod 755 etc/init.d/* etc/acpi/PWRF/* usr/share/udhcpc/default.script usr/lib/nocloud/apply
printf 'root:%s:20000:0:99999:7:::\nnobody:*:20000:0:99999:7:::\n' "$(bin/busybox mkpasswd -m sha512 -S playvirt playvirt)" > etc/shadow
chmod 600 etc/shadow
find . | LC_ALL=C sort | cpio --quiet --create --format=newc --owner=0:0 | gzip -9n > "$work/initrd"

# 1 MiB in front of the partition, as partitioning tools leave it.
raw=$work/raw
offset=$((2048 * 512))
truncate --size=32M "$raw"
echo 'start=2048, type=e, bootable' | sfdisk --quiet "$raw"
mkfs.fat -F 16 -n TINY --offset 2048 "$raw" $((31 * 1024)) > /dev/null
mcopy -i "$raw@@$offset" "$kernel"/boot/vmlinuz-* ::vmlinuz
mcopy -i "$raw@@$offset" "$work/initrd" ::initrd
mcopy -i "$raw@@$offset" "$here/syslinux.cfg" ::syslinux.cfg
syslinux --install --offset "$offset" "$raw"
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$raw" conv=notrunc status=none
mkdir -p "$out"
qemu-img convert -O qcow2 "$raw" "$out/disk.qcow2"
cp "$kernel"/boot/vmlinuz-* "$out/vmlinuz"
cp "$work/initrd" "$out/initrd"
rm -r "$work"
