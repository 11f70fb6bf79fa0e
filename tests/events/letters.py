"""The headers of a dead letter that is whole."""

from burnline.events.dead_letters import Headers, Refused, dead_letter


def dead_letter_headers(
    rejection: Refused, *, topic: str, partition: int, offset: int, headers: Headers | None
) -> list[tuple[str, bytes | None]]:
    """The record's own, then Burnline's."""
    return dead_letter(
        rejection,
        topic=topic,
        partition=partition,
        offset=offset,
        key=None,
        value=None,
        headers=headers,
        most_bytes=1_000_000,
    ).headers
