"""What one machine needs without installing anything: a Kafka-compatible broker and a Valkey, out of wheels."""
