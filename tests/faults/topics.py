"""Change topics' configurations while they are in use."""

import time
from collections.abc import Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from burnline.kafka import client_config
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.client_log import client_log

TIMEOUT_S = 30.0
COMPACT_EAGERLY = {
    "segment.ms": "3000",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "1000",
}


def compact_eagerly(settings: Settings) -> None:
    """Changelogs as they are in the field: old records, and deletions, are gone when a worker restores."""
    for topic in topics_for(settings):
        if "compact" in topic.config["cleanup.policy"] and topic.partitions > 1:
            alter(settings, topic.name, COMPACT_EAGERLY)


def alter(settings: Settings, topic: str, config: Mapping[str, str]) -> None:
    """Set configurations of a topic; tried again while the brokers are away."""
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in config.items()]
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient(client_config(settings), logger=client_log)
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            admin.incremental_alter_configs([resource])[resource].result(TIMEOUT_S)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return
