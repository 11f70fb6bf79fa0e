"""The publisher SDK: `UsagePublisher` sends usage events to Kafka and knows which of them arrived."""

from app.publisher.failures import DeliveryError, Failure
from app.publisher.usage import UsagePublisher

__all__ = ["DeliveryError", "Failure", "UsagePublisher"]
