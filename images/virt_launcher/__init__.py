"""virt-launcher: PID 1 of a virtual machine's pod.

It runs libvirtd in session mode as an unprivileged user, watches the one domain in it, tells the node's virt-handler what it sees,
does the handler's commands, and ends when the domain has ended. docs/architecture.md says who talks to whom.
"""
