"""virt-handler's own services, which the runner starts beside its watches on every node: device plugin, launcher server, heartbeat."""
