"""What `rates` and `baselines` share: reading and writing entries of a compacted topic, with errors for people."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console, RenderableType

from burnline.cli.root import EXIT_MISTAKE, console, err_console
from burnline.events.keyed import Keyed
from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import TopicSpec
from burnline.topics.compacted import Written, read_newest, write_key, write_together
from burnline.topics.ensure import ensure_topics
from burnline.topics.errors import TopicError, TopicMissing

EXIT_FAILED = 1
TIMEOUT_S = 15.0
_UNBOUNDED_COLUMNS = 1_000


Entry = TypeVar("Entry", bound=Keyed)
Model = TypeVar("Model", bound=BaseModel)


def failure(message: str, code: int = EXIT_FAILED) -> typer.Exit:
    """Say what is wrong on stderr; raise what comes back to leave with that code."""
    err_console.print(message, style="red", highlight=False, markup=False)
    return typer.Exit(code)


def built(kind: type[Model], /, **fields: object) -> Model:
    """An entry out of what the command line gave, or every mistake in it and exit code 2."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise failure("\n".join(_sentence(item) for item in error.errors()), EXIT_MISTAKE) from None


def _sentence(item: Any) -> str:
    option = ".".join(str(part) for part in item["loc"])
    return f"{option}={item['input']}: {item['msg'].removeprefix('Value error, ')}"


def entries(
    settings: Settings, topic: TopicSpec, parse: Callable[[bytes, bytes], Entry], *, create: bool = False
) -> dict[str, Entry]:
    """The entries in force, by key; records that are none are named on stderr and left out, as workers do.

    Args:
        settings: How to reach the brokers.
        topic: A compacted topic.
        parse: Reads a record's key and value; raises ValueError for one that is no entry.
        create: Whether to create the topics where this one is missing.
    """
    found: dict[str, Entry] = {}
    try:
        for key, value in _newest(settings, topic, create=create).items():
            try:
                entry = parse(key, value)
            except ValueError as error:
                err_console.print(f"Left out: {error}", style="yellow", highlight=False, markup=False)
            else:
                found[entry.key()] = entry
    except TopicError as error:
        raise failure(str(error)) from None
    return found


def _newest(settings: Settings, topic: TopicSpec, *, create: bool) -> dict[bytes, bytes]:
    try:
        return read_newest(client_config(settings), topic, timeout_s=TIMEOUT_S)
    except TopicMissing as error:
        if not create:
            raise failure(f"{error}\nburnline topics ensure creates it.") from None
        ensure_topics(settings, timeout_s=TIMEOUT_S)
        return {}


def written_together(
    settings: Settings, topic: TopicSpec, changes: Mapping[str, BaseModel | None], *, writer: str
) -> None:
    """Write entries by key (None deletes one) in one transaction: all of them or none.

    Args:
        settings: How to reach the brokers.
        topic: A compacted topic.
        changes: What is to stand there.
        writer: End of the transactional id; one that begins under the same shuts out the one before.
    """
    records = {key: _value(entry) for key, entry in changes.items()}
    name = f"{settings.app_id}-{writer}"
    try:
        write_together(client_config(settings), topic, records, transactional_id=name, timeout_s=TIMEOUT_S)
    except TopicError as error:
        raise failure(str(error)) from None


def _value(entry: BaseModel | None) -> bytes | None:
    return None if entry is None else entry.model_dump_json(exclude_none=True).encode()


def written(settings: Settings, topic: TopicSpec, key: str, entry: BaseModel | None) -> Written:
    """Write an entry (None deletes the key) and wait for its acknowledgement."""
    try:
        return write_key(client_config(settings), topic, key, _value(entry), timeout_s=TIMEOUT_S)
    except TopicError as error:
        raise failure(str(error)) from None


def print_whole(what: RenderableType) -> None:
    """Print a table; into a file or a pipe with every column whole."""
    out = console if console.is_terminal else Console(width=_UNBOUNDED_COLUMNS)
    out.print(what, soft_wrap=False, highlight=False)
