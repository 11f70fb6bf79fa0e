"""What one machine needs without installing anything: a Kafka-compatible broker out of a wheel."""
