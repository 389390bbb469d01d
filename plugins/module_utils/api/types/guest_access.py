"""Types that reach into the guest from outside: probes, the resolver's settings, access credentials."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import meta

_PORT = schema.int_or_string("The port's number, or its name.")

PROBE = schema.obj(
    "A check of the guest that is repeated; exactly one way of checking is given.",
    {
        "exec": schema.obj(
            "Run a command in the guest through its agent; exit code 0 is good.",
            {"command": schema.strings("Program and arguments; no shell.")},
        ),
        "guestAgentPing": schema.obj("Ask the guest agent whether it is there."),
        "httpGet": schema.obj(
            "Fetch a page from the guest; a status from 200 to 399 is good.",
            {
                "host": schema.string("Host to connect to; the guest's address unless said."),
                "httpHeaders": schema.array(
                    "Headers of the request.",
                    schema.obj(
                        "One header.",
                        {"name": schema.string("The header's name."), "value": schema.string("What it says.")},
                        required=("name", "value"),
                    ),
                ),
                "path": schema.string("Path of the page."),
                "port": _PORT,
                "scheme": schema.enum("Protocol; HTTP unless said.", "HTTP", "HTTPS"),
            },
            required=("port",),
        ),
        "tcpSocket": schema.obj(
            "Open a TCP connection to the guest.",
            {"host": schema.string("Host to connect to; the guest's address unless said."), "port": _PORT},
            required=("port",),
        ),
        "initialDelaySeconds": schema.int32("Seconds from the instance's start to the first check.", minimum=0),
        "timeoutSeconds": schema.int32("Seconds after which a check has failed; 1 unless said.", minimum=1),
        "periodSeconds": schema.int32("Seconds from check to check; 10 unless said.", minimum=1),
        "successThreshold": schema.int32(
            "Good checks in a row that mean well again; 1 unless said, and always 1 for liveness.", minimum=1
        ),
        "failureThreshold": schema.int32("Failed checks in a row that mean not well; 3 unless said.", minimum=1),
    },
)

DNS_CONFIG = schema.obj(
    "Settings of the resolver, on top of what dnsPolicy gives.",
    {
        "nameservers": schema.strings("Addresses of name servers."),
        "searches": schema.strings("Domains in which short names are looked up."),
        "options": schema.array(
            "Options of the resolver.",
            schema.obj(
                "One option.",
                {
                    "name": schema.string("The option, such as ndots."),
                    "value": schema.string("Its value, where it has one."),
                },
            ),
        ),
    },
)

_SECRET_SOURCE = schema.obj(
    "Where the credential comes from; exactly one source.",
    {
        "secret": schema.obj(
            "A Secret.",
            {"secretName": schema.string("The Secret, in the instance's namespace.")},
            required=("secretName",),
        ),
    },
)

ACCESS_CREDENTIAL = schema.obj(
    "A credential for the guest; exactly one kind.",
    {
        "sshPublicKey": schema.obj(
            "Public keys for SSH.",
            {
                "source": _SECRET_SOURCE,
                "propagationMethod": schema.obj(
                    "How the keys get into the guest; exactly one way.",
                    {
                        "configDrive": schema.obj("In the metadata of the instance's cloud-init ConfigDrive."),
                        "noCloud": schema.obj("In the metadata of the instance's cloud-init NoCloud disk."),
                        "qemuGuestAgent": schema.obj(
                            "Through the guest agent, while the guest runs.",
                            {"users": schema.strings("Users of the guest who get the keys.", unique=True)},
                            required=("users",),
                        ),
                    },
                ),
            },
            required=("propagationMethod", "source"),
        ),
        "userPassword": schema.obj(
            "Passwords of users.",
            {
                "source": _SECRET_SOURCE,
                "propagationMethod": schema.obj(
                    "How the passwords get into the guest; exactly one way.",
                    {"qemuGuestAgent": schema.obj("Through the guest agent, while the guest runs.")},
                ),
            },
            required=("propagationMethod", "source"),
        ),
    },
)

RESOURCE_CLAIM = schema.obj(
    "A claim of dynamic resource allocation that the launcher pod makes.",
    {
        "name": schema.string(
            "Name by which devices and networks refer to it.", pattern=schema.DNS_LABEL, maxLength=63
        ),
        "resourceClaimName": schema.string("A ResourceClaim that exists."),
        "resourceClaimTemplateName": schema.string("A ResourceClaimTemplate from which one is made for the pod."),
    },
    required=("name",),
)

#: one request out of a RESOURCE_CLAIM; the fields are shared by devices and networks
CLAIM_REQUEST = {
    "claimName": schema.string("Entry of spec.resourceClaims that the device comes from."),
    "requestName": schema.string("The request of that claim."),
}

LOCAL_SECRET = schema.described(meta.LOCAL_REFERENCE, "A Secret in the same namespace.")
