"""The publisher SDK: `UsagePublisher` sends usage events to Kafka and knows which of them arrived."""

from burnline.publisher.failures import DeliveryError, Failure
from burnline.publisher.usage import UsagePublisher

__all__ = ["DeliveryError", "Failure", "UsagePublisher"]
