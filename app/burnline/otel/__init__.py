"""OpenTelemetry's spans and log events into usage events. Pure: no Kafka, no clock, no I/O."""
