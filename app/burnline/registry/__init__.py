"""Values that Confluent's serializers wrote, by the schema that a registry knows, as usage events in JSON."""
