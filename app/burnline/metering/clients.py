"""`meter`: which client it is, by the package that its class comes from, and what there is to listen to."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from burnline.metering.hooks import claude_agent
from burnline.metering.hosts import served_by
from burnline.metering.recorder import RECORDER, Recorder, TakesEvents
from burnline.metering.stainless import listen
from burnline.metering.tap import listened
from burnline.usage import adapters
from burnline.usage.context import Owner

Client = TypeVar("Client")
Known = dict[str, Any]
_Listener = Callable[[Any, "_Meant"], None]


class _Meant:
    """What `meter` was asked for."""

    def __init__(self, owner: Owner, known: Known, publisher: TakesEvents | None, *, ask: bool | None) -> None:
        self.owner, self.known, self.publisher, self.ask = owner, known, publisher, ask

    def recorder(self, client: Any, dialect: adapters.Dialect, *, region: str | None = None) -> Recorder:
        """The recorder of a client, which can be found on it from then on."""
        recorder = Recorder(dialect, self.owner, {"region": region} | self._said(), self.publisher)
        setattr(client, RECORDER, recorder)
        return recorder

    def _said(self) -> Known:
        return {name: value for name, value in self.known.items() if value is not None}


def meter(
    client: Client,
    *,
    org: str,
    agent: str,
    session: str | None = None,
    run: str | None = None,
    team: str | None = None,
    project: str | None = None,
    tags: Mapping[str, str] | None = None,
    provider: str | None = None,
    region: str | None = None,
    publisher: TakesEvents | None = None,
    ask_for_usage: bool | None = None,
) -> Client:
    """Meter every call of a provider's client, and give the client back.

        client = burnline.meter(OpenAI(), org="acme", agent="coder")

    It takes clients of `openai`, `anthropic`, `google.genai`, `mistralai`, `ollama` and boto3's `bedrock-runtime`,
    sync and async, streams included, and the `ClaudeSDKClient` of `claude_agent_sdk`. Its calls answer what they did
    before, and raise what they did before; what goes wrong with metering is logged, at most once a minute, and counted
    in `recorder_of(client).unmetered`.

    A `burnline.session(…)` around a call goes before what is said here.

    Args:
        client: The client; it is changed, and metered once however often this is called.
        org: Organisation that pays.
        agent: Agent that acts.
        session: Session of calls outside of any `burnline.session(…)`; by default one of this client's own.
        run: Run within the session.
        team: Team to charge.
        project: Project to charge.
        tags: Free labels.
        provider: Who serves the models, where the client's address does not say so.
        region: Where they are served.
        publisher: Who takes the events; by default one for the whole process, by the environment's settings, which
            never waits (`max_block_s=0`).
        ask_for_usage: Whether streams of OpenAI's chat completions are asked to say their usage
            (`stream_options.include_usage`) where the caller has not said whether they should; the part that says it
            is then kept from the caller. By default where the host is known to understand it.

    Raises:
        TypeError: It is no client that can be metered; use `burnline.usage.from_…` with its responses.
    """
    if isinstance(getattr(client, RECORDER, None), Recorder):
        return client
    owner = Owner(org, agent, session, run, team, project, tags=dict(tags or {}))
    meant = _Meant(owner, {"provider": provider, "region": region}, publisher, ask=ask_for_usage)
    listener = next(_listeners(client), None)
    if listener is None:
        raise TypeError(
            f"{type(client).__module__}.{type(client).__qualname__} is no client that can be metered: those of openai, "
            "anthropic, google.genai, mistralai, ollama, bedrock-runtime and claude_agent_sdk are; "
            "else use burnline.usage.from_…"
        )
    listener(client, meant)
    return client


def _listeners(client: Any) -> Iterator[_Listener]:
    packages = {kind.__module__.partition(".")[0] for kind in type(client).__mro__}
    if "openai" in packages and hasattr(client, "request"):
        yield _openai
    if "anthropic" in packages and hasattr(client, "request"):
        yield _anthropic
    if "google" in packages and hasattr(client, "models") and hasattr(client, "aio"):
        yield _google
    if "mistralai" in packages and hasattr(client, "chat"):
        yield _mistral
    if "ollama" in packages and hasattr(client, "chat"):
        yield _ollama
    if "botocore" in packages and hasattr(client, "converse"):
        yield _bedrock
    if "claude_agent_sdk" in packages and hasattr(client, "receive_messages"):
        yield _claude_agent


def _openai(client: Any, meant: _Meant) -> None:
    provider, region, known = served_by(str(client.base_url))
    dialect = adapters.OPENROUTER if provider == "openrouter" else adapters.OPENAI
    _stainless(
        client, meant, dialect._replace(provider=provider), region, ask=known if meant.ask is None else meant.ask
    )


def _anthropic(client: Any, meant: _Meant) -> None:
    provider, region, _ = served_by(str(client.base_url))
    _stainless(client, meant, adapters.ANTHROPIC._replace(provider=provider), region, ask=False)


def _stainless(client: Any, meant: _Meant, dialect: adapters.Dialect, region: str | None, *, ask: bool) -> None:
    def again(copy: Any) -> Any:
        (_openai if dialect.collect is adapters.OPENAI.collect else _anthropic)(copy, meant)
        return copy

    listen(client, meant.recorder(client, dialect, region=region), ask_for_usage=ask, again=again)


def _google(client: Any, meant: _Meant) -> None:
    api = getattr(client, "_api_client", None)
    region = getattr(api, "location", None) if getattr(api, "vertexai", False) else None
    recorder = meant.recorder(client, adapters.GOOGLE, region=region)
    for models in (client.models, client.aio.models):
        for name in ("generate_content", "generate_content_stream", "embed_content"):
            # The one below asks the provider once: functions that are called in between make it several of the other.
            each = f"_{name}" if hasattr(models, f"_{name}") else name
            setattr(models, each, listened(getattr(models, each), recorder, _named("model")))


def _mistral(client: Any, meant: _Meant) -> None:
    recorder = meant.recorder(client, adapters.MISTRAL)
    for room in ("chat", "fim", "agents", "embeddings"):
        for name in ("complete", "complete_async", "stream", "stream_async", "create", "create_async"):
            if hasattr(getattr(client, room, None), name):
                _listen_to(getattr(client, room), name, recorder, "model")


def _ollama(client: Any, meant: _Meant) -> None:
    recorder = meant.recorder(client, adapters.OLLAMA)
    for name in ("chat", "generate", "embed"):
        _listen_to(client, name, recorder, "model")


def _bedrock(client: Any, meant: _Meant) -> None:
    recorder = meant.recorder(client, adapters.BEDROCK, region=client.meta.region_name)
    for name in ("converse", "converse_stream"):
        _listen_to(client, name, recorder, "modelId")


def _claude_agent(client: Any, meant: _Meant) -> None:
    claude_agent.listen(client, meant.recorder(client, claude_agent.DIALECT))


def _listen_to(holder: Any, name: str, recorder: Recorder, model: str) -> None:
    setattr(holder, name, listened(getattr(holder, name), recorder, _named(model)))


def _named(model: str) -> Callable[[Known], Known]:
    return lambda named: {"model": named.get(model)}
