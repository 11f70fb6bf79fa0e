"""Where an anomaly's message stands at a sink that changes it in place; kept on the topic `notice-places`."""

from typing import Protocol

from pydantic import BaseModel, ConfigDict

from burnline.kafka import client_config
from burnline.notify.known import Known
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import write_key
from burnline.topics.errors import TopicError

TIMEOUT_S = 30.0


class Place(BaseModel):
    """A message: its channel, and its `ts` there, which is its id."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    channel: str
    ts: str


class Places(Protocol):
    """Remembers where messages stand."""

    def get(self, name: str) -> Place | None:
        """The place of a message by a name of one's own."""

    def put(self, name: str, place: Place) -> str | None:
        """Remember one; why it will be forgotten when this process ends, None if it will not."""


class MemoryPlaces:
    """For as long as a process lives."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}

    def get(self, name: str) -> Place | None:
        """As `Places`."""
        return self._places.get(name)

    def put(self, name: str, place: Place) -> str | None:
        """As `Places`."""
        self._places[name] = place
        return None


class TopicPlaces:
    """For as long as an anomaly is kept, and for all processes."""

    def __init__(self, settings: Settings, known: Known) -> None:
        self._settings = settings
        self._known = known

    def get(self, name: str) -> Place | None:
        """As `Places`."""
        value = self._known.place(name)
        return None if value is None else Place.model_validate_json(value)

    def put(self, name: str, place: Place) -> str | None:
        """As `Places`: a message that nobody finds again is followed by another one, no notice is lost by it."""
        value = place.model_dump_json().encode()
        self._known.put_place(name, value)
        try:
            topic = topics_for(self._settings).notice_places
            write_key(client_config(self._settings), topic, name, value, timeout_s=TIMEOUT_S)
        except TopicError as error:
            return str(error)
        return None
