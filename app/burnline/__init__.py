"""Burnline: watch what AI agents spend while they spend it.

    from burnline import UsagePublisher

What this page names is loaded when it is asked for: importing `burnline` alone loads nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from burnline import usage
    from burnline.metering import meter
    from burnline.publisher import AsyncUsagePublisher, Counts, DeliveryError, Failure, UsagePublisher
    from burnline.usage import session

__version__ = "0.1.0"
__all__ = [
    "AsyncUsagePublisher",
    "Counts",
    "DeliveryError",
    "Failure",
    "UsagePublisher",
    "__version__",
    "meter",
    "session",
    "usage",
]

_HOMES = {
    "AsyncUsagePublisher": "burnline.publisher",
    "Counts": "burnline.publisher",
    "DeliveryError": "burnline.publisher",
    "Failure": "burnline.publisher",
    "UsagePublisher": "burnline.publisher",
    "meter": "burnline.metering",
    "session": "burnline.usage",
}


def __getattr__(name: str) -> Any:
    """A public name, from the room it lives in (PEP 562)."""
    if name == "usage":
        return import_module("burnline.usage")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
