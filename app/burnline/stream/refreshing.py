"""Renews the catalogue once a day from a list that somebody keeps up to date; only where a setting names one.

The way is that of `burnline rates import --as-catalogue`: what looks like a mistake is refused, and the catalogue in
force stays. The worker that owns partition 0 does it, so that it is done once.
"""

import logging
import urllib.request
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from burnline.kafka import client_config
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.listed import CatalogueError
from burnline.pricing.snapshot import MAX_BYTES
from burnline.pricing.succession import differences, objections, read_successor
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.errors import TopicError
from burnline.topics.shelf import read_shelf, write_in_force

FETCH_TIMEOUT_S = 60.0
TIMEOUT_S = 30.0

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What came of it. The values are labels of a metric: they stay as they are."""

    SAME = "same"
    CHANGED = "changed"
    REFUSED = "refused"
    """Prices in it look like a mistake, or it is cut off."""
    FAILED = "failed"
    """It could not be fetched, read or published."""


class List(NamedTuple):
    """A list as it was found, and the time than which it is no older, epoch milliseconds."""

    text: bytes
    as_of_ms: int


def is_url(source: str) -> bool:
    """Whether a source is fetched over HTTP; else it is a file."""
    return urlsplit(source).scheme in ("http", "https")


def fetched(source: str, now_ms: int) -> List:
    """The list of a file or an address. Blocks.

    Raises:
        OSError: It is not there, not in time, or larger than any list.
    """
    if not is_url(source):
        path = Path(source)
        return List(_bounded(path.read_bytes()), min(path.stat().st_mtime_ns // 1_000_000, now_ms))
    with urllib.request.urlopen(source, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310  # the scheme is looked at above
        return List(_bounded(answer.read(MAX_BYTES + 1)), now_ms)


def _bounded(text: bytes) -> bytes:
    if len(text) > MAX_BYTES:
        raise OSError(f"the list has more than {MAX_BYTES:,} bytes")
    return text


def refresh(settings: Settings, source: str, now_ms: int) -> Outcome:
    """Put the list of a source in force, unless something about it looks wrong. Blocks, and logs what came of it.

    Args:
        settings: How to reach the brokers.
        source: A file, or an http(s) address.
        now_ms: The clock, epoch milliseconds.
    """
    config, topics = client_config(settings), topics_for(settings)
    try:
        found = fetched(source, now_ms)
        successor = read_successor(found.text, Catalogue.bundled(), source)
        before = read_shelf(config, topics, timeout_s=TIMEOUT_S).current()
        against = objections(differences(before, successor, now_ms), before)
        if against:
            _log.error("the catalogue in force stays: %s: %s", source, "; ".join(against[:10]))
            return Outcome.REFUSED
        # The same again, too: that it is of today is news.
        write_in_force(
            config,
            topics,
            successor,
            since_ms=now_ms,
            as_of_ms=found.as_of_ms,
            transactional_id=f"{settings.app_id}-catalogue",
            timeout_s=TIMEOUT_S,
        )
    except (OSError, CatalogueError, TopicError) as error:
        _log.error("the catalogue in force stays: %s: %s", source, error)
        return Outcome.FAILED
    same = successor.version == before.version
    _log.info("catalogue %s of %s is in force%s", successor.version, source, ", as before" if same else "")
    return Outcome.SAME if same else Outcome.CHANGED
