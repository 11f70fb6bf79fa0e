"""`from_…`: a provider's response into a usage event that is ready to be published."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from burnline.usage import anthropic, bedrock, google, ollama, openai
from burnline.usage.context import Owner, current
from burnline.usage.reading import Reading

UsageFields = dict[str, Any]
"""A usage event as `UsagePublisher.publish` takes it."""

_NEEDED = {"org_id": "org", "agent_id": "agent", "session_id": "session", "model": "model"}


class Dialect(NamedTuple):
    """How one provider tells usage."""

    provider: str
    read: Callable[[Any], Reading]
    """Of a response that came whole, or of what was collected."""
    collect: Callable[[dict[str, Any], Any], None]
    """Take one part of a stream in."""


OPENAI = Dialect("openai", openai.read, openai.collect)
MISTRAL = Dialect("mistral", openai.read, openai.collect)
OPENROUTER = Dialect("openrouter", openai.read_openrouter, openai.collect)
ANTHROPIC = Dialect("anthropic", anthropic.read, anthropic.collect)
GOOGLE = Dialect("google", google.read, google.collect)
BEDROCK = Dialect("aws", bedrock.read, bedrock.collect)
OLLAMA = Dialect("ollama", ollama.read, ollama.collect)


class Adapter:
    """Reads one provider's responses; `from_openai` and the others are such."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def __call__(
        self,
        response: Any,
        *,
        session: str | None = None,
        org: str | None = None,
        agent: str | None = None,
        run: str | None = None,
        team: str | None = None,
        project: str | None = None,
        parent_session: str | None = None,
        parent_run: str | None = None,
        tags: Mapping[str, str] | None = None,
        model: str | None = None,
        provider: str | None = None,
        service_tier: str | None = None,
        region: str | None = None,
        event_id: str | None = None,
        occurred_at_ms: int | None = None,
    ) -> UsageFields:
        """The usage event of a response.

        Args:
            response: The provider's object, its dict, or the list of a stream's parts, in order.
            session: Session that it belongs to. It, `org`, `agent` and the next six are taken from the
                `burnline.session(…)` around the call where they are not given.
            org: Organisation that pays.
            agent: Agent that acted.
            run: Run within the session.
            team: Team to charge.
            project: Project to charge.
            parent_session: Session that this one was called from.
            parent_run: Run that this one was called from.
            tags: Free labels.
            model: Needed where the response does not name its model (Bedrock, transcriptions, Google's embeddings).
            provider: Who served it, where that is not the provider that the adapter is called after.
            service_tier: How it was served, where the response does not say so.
            region: Where it was served, where the response does not say so.
            event_id: By default the response's id, so that one that is read twice counts once; without one a new id.
            occurred_at_ms: When, Unix epoch ms; now by default.

        Raises:
            UsageMissing: The response says nothing of its usage (a ValueError).
            UsageUnreadable: A count of it is no count (a ValueError).
            ValueError: Nobody says who used it, or which model.
        """
        said = Owner(org, agent, session, run, team, project, parent_session, parent_run, dict(tags or {}))
        now_ms = time.time_ns() // 1_000_000 if occurred_at_ms is None else occurred_at_ms
        given = {"model": model, "provider": provider, "event_id": event_id}
        reading = {"service_tier": service_tier, "region": region} | self._read(response)
        reading |= {name: value for name, value in given.items() if value}
        event = complete(reading, said.over(current()), provider=self._dialect.provider, occurred_at_ms=now_ms)
        for field, name in _NEEDED.items():
            if not event.get(field):
                raise ValueError(f"{name} is not known: give {name}=…{_elsewhere(field)}")
        return event

    def _read(self, response: Any) -> Reading:
        if not isinstance(response, list | tuple):
            return self._dialect.read(response)
        kept: dict[str, Any] = {}
        for each in response:
            self._dialect.collect(kept, each)
        return self._dialect.read(kept)


def complete(reading: Reading, owner: Owner, *, provider: str, occurred_at_ms: int) -> UsageFields:
    """A usage event of what a response says and who asked for it.

    A response's id is the event's: the same response read twice is counted once. Without one it gets one of its own.
    """
    return {
        "event_id": str(uuid.uuid4()),
        "occurred_at": occurred_at_ms,
        **owner.fields(),
        "provider": provider,
        **{name: value for name, value in reading.items() if value is not None},
    }


def _elsewhere(field: str) -> str:
    return ", the response does not say it" if field == "model" else ", or call it inside of burnline.session(…)"


from_openai = Adapter(OPENAI)
from_mistral = Adapter(MISTRAL)
from_openrouter = Adapter(OPENROUTER)
from_anthropic = Adapter(ANTHROPIC)
from_google = Adapter(GOOGLE)
from_bedrock = Adapter(BEDROCK)
from_ollama = Adapter(OLLAMA)
