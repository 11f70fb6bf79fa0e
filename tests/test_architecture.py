"""The functional core stays pure: no Kafka, web or metrics libraries, no clock, no I/O. Read from the source itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).parent.parent / "app/burnline"
PURE_ROOMS = ("events", "pricing", "windows", "ledger", "detection", "finance", "otel", "budgets", "controls")
PURE_MODULES = sorted(path for room in PURE_ROOMS for path in (APP / room).rglob("*.py"))

SHELL_LIBRARIES = {
    "aiohttp", "aiokafka", "confluent_kafka", "fastapi", "faust", "kafka", "mode", "prometheus_client",
    "redis", "rich", "starlette", "typer", "uvicorn", "valkey",
}  # fmt: skip
LIBRARIES = {
    "genai_prices", "google", "msgspec", "opentelemetry", "polars", "pydantic", "pydantic_core", "typing_extensions",
    "xxhash",
}  # fmt: skip
STANDARD = {
    "abc", "array", "base64", "bisect", "codecs", "collections", "dataclasses", "datetime", "decimal", "difflib",
    "enum", "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "string",
    "struct", "sys", "types", "typing", "unicodedata", "uuid", "zlib", "zoneinfo",
}  # fmt: skip
"""What a pure room may build on. Another library is added here on purpose, or the need for it is a shell's."""

CLOCKS = {"now", "utcnow", "today", "uuid1", "uuid6", "uuid7"}
CHANCE = {"uuid4"}
STREAMS = {"stdin", "stdout", "stderr", "argv", "__stdin__", "__stdout__", "__stderr__"}
PATHS = {"open", "read_text", "read_bytes", "write_text", "write_bytes"}
BUILTINS = {"open", "input", "print", "breakpoint", "exec", "eval", "compile", "__import__"}


def impurities(source: str) -> list[str]:
    """What a pure module must not have, each with its line; empty when it is pure."""
    return [f"line {line}: {what}" for line, what in sorted(_found(ast.parse(source)))]


def _found(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in running(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, f"import {name.name}") for name in names if not _may_import(name.name))
            case ast.ImportFrom(module=module, level=level, names=names):
                wanted = [f"{module or ''}.{name.name}" if module == "burnline" else module or "" for name in names]
                yield from (
                    (node.lineno, f"import {'.' * level}{name}") for name in wanted if level or not _may_import(name)
                )
                listed = [name.name for name in names if name.name in CLOCKS | CHANCE | STREAMS]
                yield from ((node.lineno, name) for name in listed)
            case ast.Attribute(attr=name) if name in CLOCKS | CHANCE | STREAMS | PATHS:
                yield node.lineno, f".{name}"
            case ast.Name(id=name, ctx=ast.Load()) if name in BUILTINS:
                yield node.lineno, name


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node, except what stands under `if TYPE_CHECKING` and so never runs."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for other in child.orelse:
                yield from running(other)
        else:
            yield from running(child)


def _may_import(name: str) -> bool:
    first, _, rest = name.partition(".")
    if first == "burnline":
        return rest.partition(".")[0] in PURE_ROOMS
    return first in LIBRARIES | STANDARD


@pytest.mark.parametrize("path", PURE_MODULES, ids=[str(path.relative_to(APP)) for path in PURE_MODULES])
def test_a_pure_module(path: Path) -> None:
    assert impurities(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_every_pure_room_is_there(room: str) -> None:
    assert any(path.is_relative_to(APP / room) for path in PURE_MODULES)


def test_importing_the_core_brings_no_shell_library() -> None:
    """What a permitted library imports in its turn counts as well."""
    names = [".".join(path.relative_to(APP.parent).with_suffix("").parts) for path in PURE_MODULES]
    program = f"import importlib, sys; [importlib.import_module(n) for n in {names!r}]; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {name.partition(".")[0] for name in loaded} & SHELL_LIBRARIES == set()
    ours = {name.split(".")[1] for name in loaded if name.startswith("burnline.")}
    assert ours == set(PURE_ROOMS)


IMPURE = [
    ("import confluent_kafka", "import confluent_kafka"),
    ("from aiokafka.errors import KafkaError", "import aiokafka.errors"),
    ("import faust", "import faust"),
    ("def f():\n    import fastapi", "import fastapi"),
    ("import redis.asyncio as r", "import redis.asyncio"),
    ("from prometheus_client import Counter", "import prometheus_client"),
    ("from burnline.kafka import client_config", "import burnline.kafka"),
    ("from burnline import kafka", "import burnline.kafka"),
    ("from burnline import events, metrics", "import burnline.metrics"),
    ("import burnline.stream.writer", "import burnline.stream.writer"),
    ("from burnline.settings import Settings", "import burnline.settings"),
    ("from ..stream import writer", "import ..stream"),
    ("import importlib", "import importlib"),
    ("import time", "import time"),
    ("from time import monotonic", "import time"),
    ("from time import perf_counter as p", "import time"),
    ("from datetime import datetime, UTC\ndatetime.now(UTC)", ".now"),
    ("import datetime as d\nd.datetime.utcnow()", ".utcnow"),
    ("from datetime import date\nread = date.today", ".today"),
    ("import uuid\nuuid.uuid1()", ".uuid1"),
    ("from uuid import uuid4", "uuid4"),
    ("import random", "import random"),
    ("open('x')", "open"),
    ("f = open", "open"),
    ("from pathlib import Path", "import pathlib"),
    ("p.read_text()", ".read_text"),
    ("import socket", "import socket"),
    ("import os\nos.environ['X']", "import os"),
    ("from os import environ", "import os"),
    ("import requests", "import requests"),
    ("import urllib.request", "import urllib.request"),
    ("import asyncio", "import asyncio"),
    ("import logging", "import logging"),
    ("print('x')", "print"),
    ("import sys\nsys.stdout.write('x')", ".stdout"),
    ("__import__('os')", "__import__"),
    ("if TYPE_CHECKING:\n    pass\nelse:\n    import faust", "import faust"),
]


@pytest.mark.parametrize(("source", "found"), IMPURE, ids=[source.replace("\n", "; ") for source, _ in IMPURE])
def test_what_is_refused(source: str, found: str) -> None:
    assert [what.partition(": ")[2] for what in impurities(source)] == [found]


PURE = [
    "import json, re",
    "from collections.abc import Mapping",
    "from burnline.pricing.money import usd_text",
    "from burnline import events, pricing",
    "import msgspec.json",
    "from datetime import UTC, datetime, time\ndatetime.fromtimestamp(now_ms / 1000, UTC)",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from burnline.settings import Settings",
    "import typing\nif typing.TYPE_CHECKING:\n    import faust",
    "import sys\nsys.byteorder",
    "'import os; open()'  # time.time()",
    "class Tier:\n    input: int",
]


@pytest.mark.parametrize("source", PURE, ids=[source.replace("\n", "; ") for source in PURE])
def test_what_is_not(source: str) -> None:
    assert impurities(source) == []
