"""Reads the catalogues off their topic."""

from burnline.kafka import Config
from burnline.pricing.shelf import Shelf
from burnline.topics.catalogue import Topics
from burnline.topics.compacted import read_newest
from burnline.topics.errors import TopicMissing


def read_shelf(config: Config, topics: Topics, *, timeout_s: float) -> Shelf:
    """What stands on the topic; nothing where it was not made yet, which a worker of this version does at its start.

    Raises:
        TopicError: The brokers are silent, or refuse.
    """
    try:
        return Shelf(read_newest(config, topics.catalogues, timeout_s=timeout_s))
    except TopicMissing:
        return Shelf({})
