"""What a play may reach: the gateway on a unix socket, the proxy on loopback, owner references, the watches of dependents."""
