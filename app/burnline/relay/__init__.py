"""From the topics of the OpenTelemetry Collector to `usage`, exactly once: the shell around `otel`."""
