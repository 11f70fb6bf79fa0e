"""Apache Kafka as it is run where others are on the network: SASL_SSL with SCRAM, mTLS, and rights for each user."""

import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from burnline.embedded.ports import LOOPBACK, free_ports
from burnline.topics.client_log import client_log
from burnline.topics.grants import Grant
from tests.faults.proxy import Tls
from tests.kafka.certificates import Authority
from tests.kafka.guarded import GuardedBroker

PASSWORD = "correct horse battery staple"  # noqa: S105  # of tests alone  # pragma: allowlist secret
_TIMEOUT_S = 20.0
_ITERATIONS = 4_096


class Security:
    """Certificates, users and rights of brokers with a listener for SCRAM over TLS."""

    def __init__(self, folder: Path) -> None:
        """Make an authority; the folder takes certificates and keys."""
        self.authority = Authority(folder)
        self._own, self._secret = self.authority.issue("broker")
        self._keystore = folder / "broker.keystore.pem"
        self._keystore.write_bytes(self._secret.read_bytes() + self._own.read_bytes())

    def properties(self, own: Mapping[str, str], port: int) -> dict[str, str]:
        """What a broker's properties gain; a listener called PROXIED becomes one that asks who is there, too."""
        added = f",SCRAM://{LOOPBACK}:{port}"
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        protocols = own["listener.security.protocol.map"].replace("PROXIED:PLAINTEXT", "PROXIED:SASL_SSL")
        asked = {}
        for name in ("scram", "proxied"):
            asked[f"listener.name.{name}.sasl.enabled.mechanisms"] = "SCRAM-SHA-512"
            asked[f"listener.name.{name}.scram-sha-512.sasl.jaas.config"] = login
        return asked | {
            "listeners": own["listeners"] + added,
            "advertised.listeners": own["advertised.listeners"] + added,
            "listener.security.protocol.map": protocols + ",SCRAM:SASL_SSL",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.ca),
        }

    def tls(self) -> Tls:
        """For a proxy that reads what it forwards."""
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(self._own, self._secret)
        return Tls(server, ssl.create_default_context(cafile=str(self.authority.ca)))

    def login(self, plain_servers: str, user: str, servers: str) -> dict[str, str]:
        """Settings, by field name, of a user who logs in with SCRAM over TLS; makes the user.

        Args:
            plain_servers: Where everybody may do everything.
            user: Its name.
            servers: Where it is to log in.
        """
        wanted = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
        made = UserScramCredentialUpsertion(user, wanted, PASSWORD.encode())
        admin = _admin(plain_servers)
        for answer in admin.alter_user_scram_credentials([made]).values():
            answer.result(_TIMEOUT_S)
        return {
            "kafka_bootstrap_servers": servers,
            "kafka_security_protocol": "SASL_SSL",
            "kafka_ssl_ca_location": str(self.authority.ca),
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_sasl_username": user,
            "kafka_sasl_password": PASSWORD,
        }

    def allow(self, plain_servers: str, user: str, grants: Iterable[Grant]) -> None:
        """Let a user do these."""
        admin = _admin(plain_servers)  # an answer is lost when its client is
        for made in admin.create_acls([_binding(user, *one) for one in _each(grants)]).values():
            made.result(_TIMEOUT_S)

    def forbid(self, plain_servers: str, user: str, grants: Iterable[Grant]) -> None:
        """Let a user do these no longer."""
        admin = _admin(plain_servers)
        for gone in admin.delete_acls([_filter(user, *one) for one in _each(grants)]).values():
            gone.result(_TIMEOUT_S)


class SecuredBroker(GuardedBroker):
    """Beside its plain listener, on which everybody may do everything, two that ask who is there.

    Attributes:
        scram_servers: `host:port` for SASL_SSL with SCRAM-SHA-512.
        mutual_servers: `host:port` for TLS with client certificates, whose common name is the user.
    """

    def __init__(self, folder: Path) -> None:
        """Prepare; the folder takes certificates and keys."""
        super().__init__()
        self._security = Security(folder)

    def properties(self, port: int, controller_port: int) -> dict[str, str]:
        scram, mutual = free_ports(2)
        self.scram_servers, self.mutual_servers = f"{LOOPBACK}:{scram}", f"{LOOPBACK}:{mutual}"
        own = super().properties(port, controller_port)
        own |= self._security.properties(own, scram)
        added = f",MUTUAL://{self.mutual_servers}"
        return own | {
            "listeners": own["listeners"] + added,
            "advertised.listeners": own["advertised.listeners"] + added,
            "listener.security.protocol.map": own["listener.security.protocol.map"] + ",MUTUAL:SSL",
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.mutual.ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
        }

    def by_password(self, user: str) -> dict[str, str]:
        """Settings, by field name, of a user who logs in with SCRAM over TLS; makes the user."""
        return self._security.login(self.bootstrap_servers, user, self.scram_servers)

    def by_certificate(self, user: str) -> dict[str, str]:
        """Settings, by field name, of a user who shows a certificate."""
        own, secret = self._security.authority.issue(user)
        return {
            "kafka_bootstrap_servers": self.mutual_servers,
            "kafka_security_protocol": "SSL",
            "kafka_ssl_ca_location": str(self._security.authority.ca),
            "kafka_ssl_certificate_location": str(own),
            "kafka_ssl_key_location": str(secret),
        }

    def allow(self, user: str, grants: Iterable[Grant]) -> None:
        """Let a user do these."""
        self._security.allow(self.bootstrap_servers, user, grants)

    def forbid(self, user: str, grants: Iterable[Grant]) -> None:
        """Let a user do these no longer."""
        self._security.forbid(self.bootstrap_servers, user, grants)


def _admin(servers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": servers}, logger=client_log)


def _each(grants: Iterable[Grant]) -> Iterable[tuple[Grant, AclOperation]]:
    return [(grant, operation) for grant in grants for operation in sorted(grant.operations, key=str)]


def _pattern(grant: Grant) -> ResourcePatternType:
    return ResourcePatternType.PREFIXED if grant.prefixed else ResourcePatternType.LITERAL


def _binding(user: str, grant: Grant, operation: AclOperation) -> AclBinding:
    allow = AclPermissionType.ALLOW
    return AclBinding(grant.kind, grant.name, _pattern(grant), f"User:{user}", "*", operation, allow)


def _filter(user: str, grant: Grant, operation: AclOperation) -> AclBindingFilter:
    allow = AclPermissionType.ALLOW
    return AclBindingFilter(grant.kind, grant.name, _pattern(grant), f"User:{user}", "*", operation, allow)


def until(condition: Callable[[], bool], what: Callable[[], str], within_s: float = 120.0) -> None:
    """Wait for a condition; no timing is asserted."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)
