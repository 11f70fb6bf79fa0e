"""The source whose values are framed: apart from the others, for it takes an extra of its own."""

from burnline.registry.schemas import RegistryAway, Schemas
from burnline.relay.framed import unframed
from burnline.relay.records import NotYet, Record, Transformed
from burnline.relay.sources import Source
from burnline.settings import Settings
from burnline.topics.catalogue import framed_topic_for, topics_for


def framed(settings: Settings) -> Source:
    """What Confluent's serializers write."""
    schemas = Schemas(
        settings.schema_registry_url or "", settings.schema_registry_auth_file, settings.schema_registry_ca_location
    )

    def read(record: Record) -> Transformed:
        try:
            return unframed(record, schemas.reader)
        except RegistryAway as away:
            raise NotYet(str(away)) from away

    return Source("registry", (framed_topic_for(settings).name,), topics_for(settings).dead_letters.name, read)
