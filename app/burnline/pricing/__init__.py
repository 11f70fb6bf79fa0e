"""Pricing: dated rate cards in integers, the bundled catalogue under the overrides, and the charge for one event."""
