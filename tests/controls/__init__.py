"""Controls: records, decisions, and the SDK client."""
