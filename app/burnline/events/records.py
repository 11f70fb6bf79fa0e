"""What a record of a compacted topic holds, read strictly."""

import json
from decimal import Decimal
from typing import Any

from burnline.events.text import shown


def object_in(value: bytes | str, record: str, refused: type[ValueError]) -> dict[str, Any]:
    """The JSON object in a record's value; a number with a fraction is a Decimal, as it is written.

    Args:
        value: The record's value.
        record: Names it in the error.
        refused: What to raise where it holds anything else.
    """
    try:
        fields = json.loads(value, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise refused(f"{record}: value is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise refused(f"{record}: value is no JSON object but {shown(fields)}")
    return fields
