"""Log records as one line each: as text for people, or as JSON for programs (`BURNLINE_LOG_FORMAT`)."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Literal

TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_CONVERSION = re.compile(r"(?:\b(?P<name>partition|offset|epoch) )?%(?P<kind>[^%a-zA-Z]*[a-zA-Z])|%%")


class JsonLines(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, message, and what it is about where it says so.

    Pure ASCII: no character of an id can break a line or turn text around.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **place(record.msg, record.args),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return json.dumps(line)


def formatter(log_format: Literal["text", "json"]) -> logging.Formatter:
    """The formatter of this setting."""
    return JsonLines() if log_format == "json" else logging.Formatter(TEXT)


def place(template: object, arguments: object) -> dict[str, int]:
    """Which partition, offset and epoch a message names, as numbers.

    Messages say `partition %d`, `offset %d` and `epoch %d`: so the template tells which argument is which, and no text
    that came from outside is searched. The first of each name counts.

    Args:
        template: As given to the logger, before its arguments are in it.
        arguments: Its arguments.
    """
    if not isinstance(template, str) or not isinstance(arguments, tuple):
        return {}
    found: dict[str, int] = {}
    conversions = (one for one in _CONVERSION.finditer(template) if one["kind"])
    for conversion, argument in zip(conversions, arguments, strict=False):
        name = conversion["name"]
        if name is not None and isinstance(argument, int):
            found.setdefault(name, argument)
    return found
