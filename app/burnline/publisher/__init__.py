"""The publisher SDK: `UsagePublisher` sends usage events to Kafka and never stands in an agent's way."""

from burnline.publisher.asynchronous import AsyncUsagePublisher
from burnline.publisher.failures import Counts, DeliveryError, Failure
from burnline.publisher.usage import UsagePublisher

__all__ = ["AsyncUsagePublisher", "Counts", "DeliveryError", "Failure", "UsagePublisher"]
