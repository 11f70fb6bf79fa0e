"""Events of the usage topic out of its records."""

from confluent_kafka import Message

from burnline.events.cloudevents import in_one_piece


def event_of(message: Message) -> bytes | None:
    """A record's event: its value, with the envelope that its headers are if it is a CloudEvent in binary mode."""
    headers = message.headers()
    return in_one_piece(message.value(), headers) if headers else message.value()  # type: ignore[arg-type]  # a list
