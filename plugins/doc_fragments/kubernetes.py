"""The documentation of module_utils/k8s/options.py, for `extends_documentation_fragment: playvirt.core.kubernetes`."""

from __future__ import annotations


class ModuleDocFragment:
    """Which cluster to speak to."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig. Under a runner of playvirt, and where no connection option is given, the runner's connection is used instead.
      - Also E(K8S_AUTH_KUBECONFIG).
    type: path
  context:
    description: Context in the kubeconfig. Also E(K8S_AUTH_CONTEXT).
    type: str
  host:
    description: URL of the API server. Also E(K8S_AUTH_HOST).
    type: str
  api_key:
    description: Token to authenticate with. Also E(K8S_AUTH_API_KEY).
    type: str
  validate_certs:
    description: Whether to verify the API server's certificate. Also E(K8S_AUTH_VERIFY_SSL).
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description: Certificates to verify it with. Also E(K8S_AUTH_SSL_CA_CERT).
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description: Client certificate. Also E(K8S_AUTH_CERT_FILE).
    type: path
    aliases: [cert_file]
  client_key:
    description: Key of the client certificate. Also E(K8S_AUTH_KEY_FILE).
    type: path
    aliases: [key_file]
"""
