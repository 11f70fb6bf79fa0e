"""Apache Kafka that lets nobody do anything but what was granted, as in the field: users by SASL, rights by ACLs."""

from collections.abc import Iterable

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from burnline.embedded.ports import LOOPBACK, free_ports
from burnline.settings import Settings
from burnline.topics.client_log import client_log
from burnline.topics.grants import Component, Grant, grants_of
from tests.kafka.apache import ApacheBroker
from tests.kafka.server import server_properties

USER, PASSWORD = "worker", "secret"
_TIMEOUT_S = 20.0

Right = tuple[ResourceType, str, AclOperation]
"""What may be done with what, by its name."""


class GuardedBroker(ApacheBroker):
    """On its plain listener everybody may do everything; `guarded_servers` asks for a user, who begins without rights.

    Attributes:
        guarded_servers: `host:port` for clients that have to log in.
    """

    def properties(self, port: int, controller_port: int) -> dict[str, str]:
        (guarded,) = free_ports(1)
        self.guarded_servers = f"{LOOPBACK}:{guarded}"
        login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        return server_properties(port, controller_port, bind=LOOPBACK, advertised=LOOPBACK) | {
            "listeners": f"PLAINTEXT://{LOOPBACK}:{port},GUARDED://{LOOPBACK}:{guarded},"
            f"CONTROLLER://{LOOPBACK}:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port},GUARDED://{LOOPBACK}:{guarded}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": f'{login} user_{USER}="{PASSWORD}";',
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "auto.create.topics.enable": "false",
        }

    def login(self, password: str = PASSWORD) -> dict[str, str]:
        """Settings, by field name, of somebody who logs in."""
        return {
            "kafka_bootstrap_servers": self.guarded_servers,
            "kafka_security_protocol": "SASL_PLAINTEXT",
            "kafka_sasl_mechanism": "PLAIN",
            "kafka_sasl_username": USER,
            "kafka_sasl_password": password,
        }

    def grant(self, rights: Iterable[Right]) -> None:
        """Let the user do these."""
        admin = self._admin()
        for made in admin.create_acls([_binding(right) for right in rights]).values():
            made.result(_TIMEOUT_S)

    def revoke(self, rights: Iterable[Right]) -> None:
        """Let the user do these no longer."""
        admin = self._admin()
        for gone in admin.delete_acls([_filter(right) for right in rights]).values():
            gone.result(_TIMEOUT_S)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap_servers}, logger=client_log)


def rights_of_a_worker(settings: Settings) -> list[Right]:
    """All that a worker needs, one by one; what READ of a group and WRITE of an id include is not granted again."""
    rights = one_by_one(grants_of(Component.WORKER, settings))
    return [right for right in rights if right[0] is ResourceType.TOPIC or right[2] is not AclOperation.DESCRIBE]


def one_by_one(grants: Iterable[Grant]) -> list[Right]:
    """A right for each operation; of grants whose names are whole."""
    return [
        (kind, name, operation) for kind, name, operations, _ in grants for operation in sorted(operations, key=str)
    ]


def _binding(right: Right) -> AclBinding:
    kind, name, operation = right
    allow = AclPermissionType.ALLOW
    return AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", operation, allow)


def _filter(right: Right) -> AclBindingFilter:
    kind, name, operation = right
    allow = AclPermissionType.ALLOW
    return AclBindingFilter(kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", operation, allow)
