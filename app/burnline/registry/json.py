"""JSON with a schema: what it says is checked by the worker, as any other event."""

from burnline.events.text import TextError, read_object
from burnline.registry.formats import Fields, Unfit


def json_reader(payload: bytes) -> Fields:
    """The object that is written there.

    Raises:
        Unfit: There is none.
    """
    try:
        return read_object(payload)
    except TextError as error:
        raise Unfit(f"no JSON object: {error}") from error
