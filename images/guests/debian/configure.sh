#!/bin/sh
# Turns a container's Debian into a guest's. Runs inside the guest's file system; called by the Containerfile.
set -eu

echo 'LABEL=debian / ext4 defaults,noatime 0 0' > /etc/fstab
: > /etc/machine-id
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
passwd --lock root
depmod "$(ls /usr/lib/modules)"

# Work that a short-lived guest does not need and that an emulated processor is slow at. A link to /dev/null masks a unit or a generator.
for unit in apt-daily.timer apt-daily-upgrade.timer cloud-init-hotplugd.socket dev-hugepages.mount dev-mqueue.mount \
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer modprobe@.service \
    sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    systemd-binfmt.service systemd-hibernate-clear.service systemd-journal-flush.service \
    systemd-network-generator.service systemd-networkd-persistent-storage.service systemd-pstore.service \
    systemd-quotacheck-root.service systemd-tpm2-setup-early.service systemd-tpm2-setup.service \
    systemd-udev-load-credentials.service; do
    ln -sf /dev/null "/etc/systemd/system/$unit"
done
mkdir -p /etc/systemd/system-generators
for generator in systemd-cryptsetup-generator systemd-debug-generator systemd-gpt-auto-generator systemd-hibernate-resume-generator \
    systemd-integritysetup-generator systemd-rc-local-generator systemd-run-generator systemd-ssh-generator systemd-sysv-generator \
    systemd-tpm2-generator systemd-veritysetup-generator; do
    ln -sf /dev/null "/etc/systemd/system-generators/$generator"
done

# The serial console is the kernel's console. Its getty there does not wait for udev to announce the device, as serial-getty@ttyS0 does.
ln -sf /dev/null /etc/systemd/system/serial-getty@ttyS0.service
systemctl enable console-getty.service systemd-networkd.service systemd-resolved.service ssh.service

# The journal lives in memory, and nothing has to be brought up to date at the first start.
rm -rf /var/log/journal
touch /etc/.updated /var/.updated
