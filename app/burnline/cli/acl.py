"""`burnline acl`: the least rights of each component on the brokers, ready to be granted."""

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer
from confluent_kafka.admin import AclOperation, ResourceType

from burnline.cli.root import cli, settings_or_exit
from burnline.readmodel.commands import COMMANDS, user_line
from burnline.settings import Settings
from burnline.topics.grants import WHAT, Component, Grant, grants_of


class Format(StrEnum):
    """How rights are printed."""

    KAFKA_ACLS = "kafka-acls"
    STRIMZI = "strimzi"
    REDIS = "redis"
    JSON = "json"


@cli.command()
def acl(
    components: Annotated[
        list[Component] | None,
        typer.Argument(metavar="[COMPONENT]...", help="Which ones; all if none is named.", show_default=False),
    ] = None,
    principal: Annotated[
        str, typer.Option(help="The user of a component; {component} stands for its name.")
    ] = "burnline-{component}",
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="For kafka-acls.sh, Strimzi (KafkaUser), Redis (ACL SETUSER), or JSON, an object a line.",
        ),
    ] = Format.KAFKA_ACLS,
    cluster: Annotated[str, typer.Option(help="The Kafka resource that Strimzi's users belong to.")] = "kafka",
) -> None:
    """Print the least rights of each component, as lines for kafka-acls.sh or as users of Strimzi. Asks no broker.

    Components: worker, projector, api, notify, budgets, detect, otel, registry, publisher (agents), controls (runtimes
    that ask whether to go on), collector (the OpenTelemetry Collector), reader and operator (the command line). The
    topics, groups and transactional ids are those of the settings: BURNLINE_TOPIC_PREFIX, BURNLINE_APP_ID,
    BURNLINE_PARTITIONS.

    [bold]--format redis[/bold] prints what projector, api, reader and operator need on a Redis with users, but for the
    password.

    A component works with these rights and no other. One that lacks some waits, names them in its log, on /readyz and
    in burnline_refused, and goes on once they are granted. [bold]burnline check --connect[/bold] asks the brokers what
    the worker lacks.
    """
    settings = settings_or_exit()
    if form is Format.REDIS:
        components = [one for one in components or list(Component) if one.value in COMMANDS]
    for component in components or list(Component):
        user = principal.replace("{component}", component.value)
        for line in _PRINTED[form](component, user, cluster, settings):
            typer.echo(line)


def _lines(component: Component, user: str, _: str, settings: Settings) -> Iterator[str]:
    yield f"# {component.value}: {WHAT[component]}"
    command = f"kafka-acls.sh --bootstrap-server {settings.kafka_bootstrap_servers} --add"
    for grant in grants_of(component, settings):
        operations = " ".join(f"--operation {name}" for name in _operations(grant))
        pattern = " --resource-pattern-type prefixed" if grant.prefixed else ""
        option = f"--{grant.kind.name.lower().replace('_', '-')}"
        yield f"{command} --allow-principal User:{user} {operations} {option} '{grant.name}'{pattern}"


def _strimzi(component: Component, user: str, cluster: str, settings: Settings) -> Iterator[str]:
    """A YAML document in the API that Strimzi has since 0.49, its only one since 1.0; all names are quoted."""
    yield "---"
    yield f"# {component.value}: {WHAT[component]}"
    yield "apiVersion: kafka.strimzi.io/v1"
    yield "kind: KafkaUser"
    yield "metadata:"
    yield f"  name: {json.dumps(user)}"
    yield "  labels:"
    yield f"    strimzi.io/cluster: {json.dumps(cluster)}"
    yield "spec:"
    yield "  authentication:"
    yield "    type: scram-sha-512"
    yield "  authorization:"
    yield "    type: simple"
    yield "    acls:"
    for grant in grants_of(component, settings):
        pattern = "prefix" if grant.prefixed else "literal"
        yield "      - resource:"
        yield f"          type: {_STRIMZI_KINDS[grant.kind]}"
        yield f"          name: {json.dumps(grant.name)}"
        yield f"          patternType: {pattern}"
        yield f"        operations: [{', '.join(_operations(grant))}]"
        yield '        host: "*"'


def _redis(component: Component, user: str, _: str, settings: Settings) -> Iterator[str]:
    yield user_line(component.value, user, settings.redis_prefix)


def _objects(component: Component, user: str, _: str, settings: Settings) -> Iterator[str]:
    for grant in grants_of(component, settings):
        yield json.dumps(
            {
                "component": component.value,
                "principal": f"User:{user}",
                "resource": grant.kind.name.lower(),
                "name": grant.name,
                "pattern": "prefixed" if grant.prefixed else "literal",
                "operations": _operations(grant),
            }
        )


def _operations(grant: Grant) -> list[str]:
    return [_spelled(operation) for operation in sorted(grant.operations, key=lambda one: one.name)]


def _spelled(operation: AclOperation) -> str:
    """As Kafka's tools write it: `DescribeConfigs`."""
    return "".join(word.capitalize() for word in operation.name.split("_"))


_STRIMZI_KINDS = {
    ResourceType.TOPIC: "topic",
    ResourceType.GROUP: "group",
    ResourceType.TRANSACTIONAL_ID: "transactionalId",
}
_PRINTED = {Format.KAFKA_ACLS: _lines, Format.STRIMZI: _strimzi, Format.REDIS: _redis, Format.JSON: _objects}
