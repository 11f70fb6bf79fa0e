"""Schemas out of a registry, each asked for once."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import httpx2
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError

from burnline.registry.avro import avro_reader
from burnline.registry.formats import Reader, Unfit
from burnline.registry.json import json_reader
from burnline.registry.protobuf import protobuf_reader
from burnline.registry.protoc import descriptor_of, is_text

TIMEOUT_S: Final = 5.0
RETRY_S: Final = 1.0
"""So long is a registry that did not answer left in peace."""
UNKNOWN_FOR_S: Final = 30.0
"""So long is a schema that the registry does not know not asked for again."""
MOST_SCHEMAS: Final = 1_000
_UNKNOWN: Final = frozenset({40401, 40402, 40403})
"""The registry's own codes for what it does not have; a 404 of anybody else's says that nothing is there at all."""
_MOST_REFERENCES: Final = 100


class RegistryAway(Exception):
    """The registry does not say what it has: try again. The text says why."""


class _Known(NamedTuple):
    reader: Reader | None
    fault: str
    until_s: float


class Schemas:
    """Readers by schemas. Blocks for at most `TIMEOUT_S` per question; for one thread."""

    def __init__(
        self, url: str, auth_file: Path | None, ca_file: Path | None, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Take where it is; nothing is asked yet.

        Args:
            url: The registry's address; several by commas, which are tried in turn.
            auth_file: Holds `user:password`, or a token; None: it asks for nothing. Read again when it is refused.
            ca_file: Who signs the registry's certificate; None: who the system trusts.
            now_s: The clock, any origin.
        """
        self._url, self._auth_file, self._ca_file = url, auth_file, ca_file
        self._now_s = now_s
        self._known: OrderedDict[int | UUID, _Known] = OrderedDict()
        self._client: SchemaRegistryClient | None = None
        self._away = ""
        self._away_until_s = 0.0

    def reader(self, schema: int | UUID) -> Reader:
        """The reader of values of this schema.

        Raises:
            Unfit: The registry does not know it, or it is none that can be read.
            RegistryAway: Nobody knows.
        """
        known = self._known.get(schema)
        if known is None or known.until_s <= self._now_s():
            known = self._ask(schema)
            self._known[schema] = known
            if len(self._known) > MOST_SCHEMAS:
                self._known.popitem(last=False)
        self._known.move_to_end(schema)
        if known.reader is None:
            raise Unfit(known.fault)
        return known.reader

    def _ask(self, schema: int | UUID) -> _Known:
        if self._now_s() < self._away_until_s:
            raise RegistryAway(self._away)
        try:
            return _Known(self._fetch(schema), "", float("inf"))
        except Unfit as error:
            return _Known(None, str(error), self._now_s() + UNKNOWN_FOR_S)
        except (SchemaRegistryError, httpx2.HTTPError, OSError, ValueError, TypeError) as error:
            # ValueError: no JSON, or no credentials in the file. TypeError: JSON that is no schema.
            if isinstance(error, SchemaRegistryError) and error.error_code in _UNKNOWN:
                return _Known(None, "the registry does not know it", self._now_s() + UNKNOWN_FOR_S)
            self._client = None  # with credentials that may have changed meanwhile
            self._away = f"{self._url}: {_said(error)}"
            self._away_until_s = self._now_s() + RETRY_S
            raise RegistryAway(self._away) from error

    def _fetch(self, schema: int | UUID) -> Reader:
        client = self._client = self._client or self._connect()
        found = _get(client, schema)
        match found.schema_type:
            case "JSON":
                return json_reader
            case "AVRO" | None:
                return avro_reader(found.schema_str or "", [text for _, text in _references(client, found)])
            case "PROTOBUF":
                client.clear_caches()  # else it gives what it has, whatever the format
                found = _get(client, schema, "serialized")
                return _protobuf(found.schema_str or "", dict(_references(client, found, "serialized")))
            case other:
                raise Unfit(f"its type is {other}; JSON, AVRO and PROTOBUF can be read")

    def _connect(self) -> SchemaRegistryClient:
        configuration: dict[str, object] = {"url": self._url, "timeout": TIMEOUT_S, "max.retries": 0}
        if self._ca_file is not None:
            configuration["ssl.ca.location"] = str(self._ca_file)
        if self._auth_file is not None:
            configuration |= _credentials(self._auth_file)
        return SchemaRegistryClient(configuration)


def _credentials(file: Path) -> dict[str, object]:
    secret = file.read_text(encoding="utf-8").strip()
    if not secret:
        raise ValueError(f"{file} is empty")
    if ":" in secret:
        return {"basic.auth.user.info": secret}
    return {
        "bearer.auth.credentials.source": "STATIC_TOKEN",
        "bearer.auth.token": secret,
        "bearer.auth.logical.cluster": "",  # of Confluent's cloud alone, where user and password do as well
    }


def _protobuf(text: str, references: Mapping[str, str]) -> Reader:
    """By descriptors; not every registry gives them, and what was registered as text comes as text."""
    described = {name: descriptor_of(one, references) if is_text(one) else one for name, one in references.items()}
    return protobuf_reader(descriptor_of(text, references) if is_text(text) else text, described)


def _get(client: SchemaRegistryClient, schema: int | UUID, form: str | None = None) -> Schema:
    if isinstance(schema, UUID):
        return client.get_schema_by_guid(str(schema), fmt=form)
    return client.get_schema(schema, fmt=form)


def _references(client: SchemaRegistryClient, schema: Schema, form: str | None = None) -> Iterator[tuple[str, str]]:
    """Names and texts of what it refers to, each after those that it refers to itself."""
    seen: set[str] = set()

    def walk(of: Schema) -> Iterator[tuple[str, str]]:
        for reference in of.references or ():
            if reference.name is None or reference.subject is None or reference.version is None:
                raise Unfit("one of its references names no schema")
            if reference.name in seen:
                continue
            seen.add(reference.name)
            if len(seen) > _MOST_REFERENCES:
                raise Unfit(f"it has more than {_MOST_REFERENCES} references")
            found = client.get_version(reference.subject, reference.version, deleted=True, fmt=form).schema
            yield from walk(found)
            yield reference.name, found.schema_str or ""

    return walk(schema)


def _said(error: Exception) -> str:
    if isinstance(error, SchemaRegistryError):
        return f"answers {error.http_status_code}: {error.error_message}"[:200]
    return f"{str(error) or type(error).__name__}"[:200]
