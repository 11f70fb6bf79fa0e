"""A sink that can be told: what every kind of sink comes to."""

from collections.abc import Callable
from dataclasses import dataclass

from burnline.detection.anomaly import Anomaly
from burnline.detection.notes import NOTHING_SAID, Notes
from burnline.notify.delivery import Result
from burnline.notify.messages import HttpMessage

Tell = Callable[[Anomaly, Notes], Result]
Ask = Callable[[HttpMessage], Result]
"""One request, and what came of it."""
NOTHING_TO_SAY = Result(sent=True, detail="nothing to say")


@dataclass(frozen=True, slots=True)
class Channel:
    """A sink that can be told.

    Attributes:
        tell: One attempt at a notice, with what people say of its anomaly.
        said: One attempt at what people say, with the newest notice; None where the sink has no use for it.
        closes: It has something open that only a resolution closes.
        silences: It keeps silent by itself what it is told to: notices are brought to it in any case.
    """

    tell: Tell
    said: Tell | None = None
    closes: bool = False
    silences: bool = False

    def __call__(self, notice: Anomaly, notes: Notes = NOTHING_SAID) -> Result:
        """One attempt at a notice."""
        return self.tell(notice, notes)
