"""The runner: watches Kubernetes objects and executes Ansible roles; one program for virt-operator, virt-controller and virt-handler."""
