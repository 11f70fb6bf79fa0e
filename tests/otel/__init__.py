"""The pure core of telemetry, held against what real exporters write."""
