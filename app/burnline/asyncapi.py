"""The AsyncAPI 3 document of every topic: what stands on each, who writes it, and how it is kept. From the models.

Payloads are AsyncAPI's own schema objects, a superset of JSON Schema draft 7. The wire contracts use nothing beyond
that but `$defs`, which become components of their own.
"""

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from burnline import __version__
from burnline.events.usage import MAX_ID_CHARACTERS
from burnline.schemas import CONTRACTS, Contract, json_schema
from burnline.settings import Settings
from burnline.topics.catalogue import TopicSpec, framed_topic_for, otel_topics_for, redriven_topic_for, topics_for

VERSION: Final = "3.0.0"
PATH: Final = "/asyncapi.json"
_BINDING: Final = "0.5.0"
_COMPONENTS: Final = "#/components/schemas/"
_CONFIGURED: Final = ("retention.ms", "max.message.bytes")
_JSON, _BYTES, _PROTOBUF = "application/json", "application/octet-stream", "application/x-protobuf"

_AS_IT_CAME = "The refused record's, as it came."
_SESSION = {"type": "string", "description": "Session id.", "maxLength": MAX_ID_CHARACTERS}
_ORG_AND_SESSION = {"type": "string", "description": 'JSON array of organisation and session: ["acme","sess-4711"].'}
_ANY_KEY = {"type": "string", "description": "Identifies what the value is the newest state of."}


class Content(NamedTuple):
    """What stands on a topic.

    Attributes:
        sends: Whether Burnline writes it; others do otherwise.
        reads: Whether Burnline reads it.
        contract: Wire contract of the value; None: the value is not JSON of ours.
        headers: Wire contract of the headers.
        key: Schema of the key.
        media_type: Of the value.
        value: In words, where there is no contract.
    """

    sends: bool
    reads: bool
    contract: str | None = None
    headers: str | None = None
    key: dict[str, Any] = _ANY_KEY
    media_type: str = _JSON
    value: str = ""


_CONTENTS: Final = {
    "usage": Content(sends=True, reads=True, contract="usage", key=_SESSION),
    "sessions": Content(sends=True, reads=True, contract="session-ledger", key=_ORG_AND_SESSION),
    "anomalies": Content(sends=True, reads=True, contract="anomaly", key=_ORG_AND_SESSION),
    "baselines": Content(sends=True, reads=True, contract="baseline"),
    "valuation_rates": Content(sends=True, reads=True, contract="valuation-rate"),
    "catalogues": Content(
        sends=True,
        reads=True,
        media_type=_BYTES,
        key={"type": "string", "description": "in-force, or the hash of the catalogue that the value holds."},
        value="Of in-force: JSON that names a catalogue by its hash. Else that catalogue, as compressed JSON.",
    ),
    "dead_letters": Content(
        sends=True,
        reads=True,
        headers="dead-letter-headers",
        media_type=_BYTES,
        value=_AS_IT_CAME,
    ),
    "progress": Content(sends=True, reads=True, contract="progress"),
    "rollups": Content(sends=True, reads=True, contract="session-rollup"),
    "event_ids": Content(sends=True, reads=True, media_type=_BYTES, value="Hashes of event ids; internal."),
    "usage_rollups": Content(sends=True, reads=True, contract="usage-rollup"),
    "parked_notices": Content(sends=True, reads=True, value="A notice, its sink, and why the sink has not taken it."),
    "otlp_spans": Content(sends=False, reads=True, media_type=_PROTOBUF, value="OTLP's TracesData, or its JSON."),
    "otlp_logs": Content(sends=False, reads=True, media_type=_PROTOBUF, value="OTLP's LogsData, or its JSON."),
    "otlp_dead_letters": Content(
        sends=True,
        reads=False,
        headers="dead-letter-headers",
        media_type=_BYTES,
        value=_AS_IT_CAME,
    ),
    "usage_framed": Content(
        sends=False,
        reads=True,
        media_type=_BYTES,
        value="A usage event in Confluent's wire format: JSON, Avro, Protobuf.",
    ),
    "detection": Content(sends=True, reads=True, value="What was learned; internal."),
    "budgets": Content(sends=True, reads=True, contract="budget"),
    "notice_places": Content(sends=True, reads=True, value="Where the message of an anomaly stands; internal."),
    "anomaly_notes": Content(sends=True, reads=True, contract="anomaly-note"),
    "controls": Content(sends=True, reads=True, contract="control"),
    "adjustments": Content(sends=True, reads=True, contract="adjustment"),
    "policies": Content(sends=True, reads=True, contract="policy"),
    "budget_notices": Content(sends=True, reads=True, contract="budget-notice"),
    "budget_progress": Content(sends=True, reads=True, value="How far notices are; internal."),
    "redriven": Content(sends=True, reads=True, value="The event that was sent back."),
}
_INTERNAL: Final = Content(sends=True, reads=True, value="Internal.")
"""Of topics that are nobody else's business."""


def document(settings: Settings) -> dict[str, Any]:
    """The whole document, for the topics under these settings. Names no broker: who reads it knows theirs."""
    specs = dict(_specs(settings))
    return {
        "asyncapi": VERSION,
        "id": "urn:burnline",
        "info": {
            "title": "Burnline",
            "version": __version__,
            "description": "Watch what AI agents spend while they spend it: every topic, from Burnline's side.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _JSON,
        "servers": {
            "kafka": {
                "host": "{brokers}",
                "protocol": "kafka",
                "variables": {"brokers": {"default": "127.0.0.1:9092", "description": "host:port of a broker."}},
            }
        },
        "channels": {role: _channel(role, spec) for role, spec in specs.items()},
        "operations": dict(_operations(specs)),
        "components": {"schemas": _schemas()},
    }


def _specs(settings: Settings) -> Iterator[tuple[str, TopicSpec]]:
    yield from topics_for(settings)._asdict().items()
    yield from ((f"otlp_{role}", spec) for role, spec in otel_topics_for(settings)._asdict().items())
    yield "usage_framed", framed_topic_for(settings)
    yield "redriven", redriven_topic_for(settings)


def _channel(role: str, spec: TopicSpec) -> dict[str, Any]:
    content = _CONTENTS.get(role, _INTERNAL)
    return {
        "address": spec.name,
        "description": spec.purpose,
        "messages": {role: _message(role, content)},
        "bindings": {"kafka": {"partitions": spec.partitions, "topicConfiguration": _configuration(spec),
                               "bindingVersion": _BINDING}},
    }  # fmt: skip


def _configuration(spec: TopicSpec) -> dict[str, Any]:
    numbers = {name: int(spec.config[name]) for name in _CONFIGURED if name in spec.config}
    return {"cleanup.policy": spec.config["cleanup.policy"].split(","), **numbers}


def _message(role: str, content: Content) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": role,
        "contentType": content.media_type,
        "bindings": {"kafka": {"key": content.key, "bindingVersion": _BINDING}},
    }
    if content.contract is None:
        message["payload"] = {"description": content.value}
    else:
        contract = next(one for one in CONTRACTS if one.name == content.contract)
        message["payload"] = {"$ref": _COMPONENTS + contract.name}
        message["examples"] = [{"payload": contract.example}]
    if content.headers is not None:
        message["headers"] = {"$ref": _COMPONENTS + content.headers}
    return message


def _operations(specs: dict[str, TopicSpec]) -> Iterator[tuple[str, dict[str, Any]]]:
    for role in specs:
        content = _CONTENTS.get(role, _INTERNAL)
        for action, does in (("receive", content.reads), ("send", content.sends)):
            if does:
                yield f"{action}_{role}", {"action": action, "channel": {"$ref": f"#/channels/{role}"}}


def _schemas() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for contract in CONTRACTS:
        found |= _components(contract)
    return found


def _components(contract: Contract) -> dict[str, Any]:
    """The schema of a contract, and those that it refers to, under names of the whole document."""
    text = json.dumps(json_schema(contract)).replace('"#/$defs/', f'"{_COMPONENTS}{contract.name}.')
    schema = json.loads(text)
    for name in ("$schema", "$id"):
        del schema[name]
    parts = schema.pop("$defs", {})
    return {contract.name: schema, **{f"{contract.name}.{name}": part for name, part in parts.items()}}
