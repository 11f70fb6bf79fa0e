"""One line that meters every call of a client: `client = burnline.meter(client, org="acme", agent="coder")`."""

from burnline.metering.clients import meter
from burnline.metering.recorder import Recorder, recorder_of

__all__ = ["Recorder", "meter", "recorder_of"]
