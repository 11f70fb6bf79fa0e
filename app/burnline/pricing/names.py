"""How events name models, read into the names that a price list has; pure, and without knowing any list.

A name is read from the outside in: a resource name (Bedrock's ARNs, Vertex' paths) or a provider before the name says
who serves the model, a region says where; an OpenRouter variant, a fine-tune's owner and a version come off its end.
Every reading is kept, the most literal first: whoever looks a model up takes the first that is known.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from burnline.pricing.providers import GATEWAYS, provider_words
from burnline.pricing.regions import GOVERNMENT

_PARTED = frozenset("/:.[")
"""A name without any of these has nothing before or behind it that is no part of it."""
MAX_PREFIXES = 4
"""Providers and regions that are read off the front of one name: `litellm/bedrock/us-east-1/…` has three."""

_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:(?P<region>[a-z0-9-]*):[0-9]*:(?P<kind>[a-z-]+)/(?P<id>.+)")
_ARN_KINDS = frozenset({"foundation-model", "inference-profile"})
"""Kinds of Bedrock ARN that name a model; all others (application profiles, deployments) end in an id of their own."""
_RESOURCE = re.compile(
    r"(?:/*projects/[^/]+/)?(?:locations/(?P<region>[^/]+)/)?(?:publishers/[^/]+/)?models/(?P<id>[^/]+)"
)
_ENDPOINT = re.compile(r"(?:projects/[^/]+/)?(?:locations/[^/]+/)?(?:endpoints|tunedmodels)/[^/]+")
_BEDROCK_ID = re.compile(
    r"(?:(?P<geo>global|us|us-gov|eu|apac|ap|au|ca|in|jp|sa|me|af|mx)\.)?"
    r"(?:ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen"
    r"|stability|twelvelabs|writer|xai|zai)\.[a-z]"
)
_AWS_REGION = re.compile(r"(?:us-gov|us|eu|ap|ca|sa|me|af|il|mx|cn)-[a-z]+-[0-9]")
_AZURE_ZONES = frozenset({"eu", "us", "global", "global-standard", "data-zone-standard", "datazone"})

_CALLS = frozenset({"converse", "converse_like", "invoke", "responses", "chat"})
"""Ways to call Bedrock or Azure that LiteLLM writes between provider and model."""

GEOGRAPHIES = frozenset({"apac", "ap", "au", "ca", "eu", "in", "jp", "sa", "me", "af", "mx"})
"""Bedrock's geographic profiles that cost what the profile of the US does."""

VARIANTS = frozenset({"nitro", "floor", "online", "exacto"})
"""OpenRouter's variants that choose among providers or add a search: the tokens cost what the model's do."""
FINE_TUNED = "ft:"
_FINE_TUNE = re.compile(r"(ft:[^:]+):.*|(.+\.ft-).+")
"""OpenAI's: the model it was tuned from, its owner and a suffix; Azure's: the model it was tuned from, and a hash."""
_THINKS = "thinking"
_THINKING = re.compile(rf"(.*claude-.+?)[-:]{_THINKS}")
"""Claude with its thinking on, as gateways name it: the same model at the same rates."""
LONG_CONTEXT = "[1m]"
"""What Claude Code writes behind a model's name that it calls with a context of a million tokens."""

_DAY = r"20[0-9]{2}-?(?:0[1-9]|1[0-2])(?:-?(?:0[1-9]|[12][0-9]|3[01]))?"
_TAIL = re.compile(
    r"(?:"
    r"[-@:](?:latest|default)"
    rf"|[-@:]{_DAY}|-[0-9]{{2}}-20[0-9]{{2}}|[-@](?:[0-9]{{3,4}}|[0-9]{{6}})"
    r"|-v[0-9]+(?:\.[0-9]+)*|@[0-9]+|:[0-9]+k?"
    r")\Z"
)
_TAIL_ENDS = frozenset("0123456789tk")
"""What a version ends in; to look for one at every place of a long name costs more than all else."""
_PREVIEW = re.compile(r"-(?:preview|exp|experimental)(?:-[0-9]{2}-[0-9]{2})?\Z")


Known = Callable[[str], str | None]


class Reading(NamedTuple):
    """One way to read a model's name.

    `model` is in lower case, and looked for by every rule before the next reading if `at_once`; `host` is the
    catalogue's id of who serves it by the name itself, "" if it does not say; `region` is where, "" if it does not
    say; `how` says in words what was read, "" for the name as it stands.
    """

    model: str
    host: str = ""
    region: str = ""
    how: str = ""
    at_once: bool = False


def readings(name: str, known: Known, host: str = "", region: str = "") -> list[Reading]:
    """Every reading of a model's name, the most literal first, each once. Never empty, never an error.

    Args:
        name: The model as an event names it.
        known: The id of a provider by its name, None if there is none such.
        host: The id of its provider if the event names one; only this provider is then read off the name.
        region: Where the event says that it was served; a region that the name says goes before it.
    """
    whole = Reading(name.strip().lower(), host, region.strip().lower())
    plain = _PARTED.isdisjoint(whole.model) and not whole.model.endswith(_THINKS)
    if plain and not (host == "aws" and whole.region):
        return [whole]
    found: dict[tuple[str, str], Reading] = {}
    for outer in _from_outside(whole, known):
        for placed in _governed(outer):
            for reading in (placed, *_without_ending(placed)):
                found.setdefault((reading.model, reading.host), reading)
    return list(found.values())


def is_opaque(name: str) -> bool:
    """Whether the name stands for a model without naming it: an application profile's ARN, a deployed endpoint."""
    name = name.strip().lower()
    arn = _ARN.fullmatch(name)
    return arn["kind"] not in _ARN_KINDS if arn else _ENDPOINT.fullmatch(name) is not None


def base_name(name: str) -> str:
    """The name without what says which version it is: dates, `-v1:0`, `@001`, `-latest`.

    Anything else at a name's end ("-mini", "-fast", "-distill-70b") makes another product and stays.
    """
    while name[-1:] in _TAIL_ENDS and (tail := _TAIL.search(name)) and tail.start():
        name = name[: tail.start()]
    return name


def is_version_of(name: str, stem: str) -> bool:
    """Whether what stands in `name` behind `stem`, with which it begins, only says which version or preview it is.

    `stem` may end in the middle of a version: gpt-4o-2024- is one of gpt-4o-2024-08-06.
    """
    return len(base_name(_PREVIEW.sub("", base_name(name)))) <= len(stem)


def _from_outside(reading: Reading, known: Known) -> Iterator[Reading]:
    yield reading
    for _ in range(MAX_PREFIXES):
        inner = _resource(reading) or _prefixed(reading, known)
        if inner is None:
            break
        reading = inner
        yield reading
    named = _BEDROCK_ID.match(reading.model)
    if named and reading.host in ("", "aws"):
        how = reading.how or "the name is one of Bedrock's"
        yield Reading(reading.model, "aws", reading.region or named["geo"] or "", how)
        if named["geo"] in GEOGRAPHIES:
            yield Reading(f"us.{reading.model[named.end('geo') + 1 :]}", "aws", named["geo"], how)


def _governed(reading: Reading) -> Iterator[Reading]:
    """In the government's regions a model costs more by a factor: there its plain price is asked for.

    That is the global profile's for Anthropic's models, and where a model stands in the list once, that one's.
    """
    if reading.host != "aws" or GOVERNMENT not in (reading.region[: len(GOVERNMENT)], reading.model.partition(".")[0]):
        yield reading
        return
    model, region = reading.model.removeprefix(f"{GOVERNMENT}."), reading.region or GOVERNMENT
    if model.startswith(("anthropic.", "claude-")):
        model = model.removeprefix("anthropic.")
        yield reading._replace(model=f"global.anthropic.{model}", region=region, at_once=True)
        model = f"anthropic.{model}"
    yield reading._replace(model=model, region=region)


def _resource(reading: Reading) -> Reading | None:
    arn = _ARN.fullmatch(reading.model)
    if arn and reading.host in ("", "aws"):
        known = arn["kind"] in _ARN_KINDS
        return Reading(arn["id"], "aws", arn["region"], f"Bedrock's {arn['kind']}") if known else None
    path = _RESOURCE.fullmatch(reading.model)
    if path is None or reading.host not in ("", "google"):
        return None
    return Reading(path["id"], "google", path["region"] or reading.region, "Google's resource name")


def _prefixed(reading: Reading, known: Known) -> Reading | None:
    """The name without a provider, a region or a way to call it at its front; None if it begins with none of them."""
    for separator in "/:":
        prefix, _, rest = reading.model.partition(separator)
        if not rest or not prefix:
            continue
        if separator == "/" and _says_where(prefix, reading.host):
            return reading._replace(model=rest, region=prefix)
        if separator == "/" and prefix in _CALLS and reading.host in ("aws", "azure"):
            return reading._replace(model=rest)
        if provider_words(prefix) in GATEWAYS:
            return reading._replace(model=rest)
        host = known(prefix)
        if host and reading.host in ("", host):
            return reading._replace(model=rest, host=host, how=f"the name begins with {prefix}{separator}")
    return None


def _says_where(prefix: str, host: str) -> bool:
    if host == "azure":
        return prefix in _AZURE_ZONES
    return host in ("", "aws") and _AWS_REGION.fullmatch(prefix) is not None


def _without_ending(reading: Reading) -> Iterator[Reading]:
    name = reading.model
    if name.endswith(LONG_CONTEXT):
        name = name.removesuffix(LONG_CONTEXT)
        yield reading._replace(model=name, how=_also(reading.how, f"{LONG_CONTEXT} says how it is called"))
    thinking = _THINKING.fullmatch(name)
    if thinking:
        name = thinking[1]
        yield reading._replace(model=name, how=_also(reading.how, "thinking costs what the model does"))
    stem, _, variant = name.rpartition(":")
    if variant in VARIANTS:
        name = stem
        yield reading._replace(model=name, how=_also(reading.how, f":{variant} costs what the model does"))
    tuned = _FINE_TUNE.fullmatch(name)
    if tuned:
        base = tuned[1] or tuned[2]
        yield reading._replace(model=base, how=_also(reading.how, f"a fine-tune, read as {base}"))


def _also(how: str, more: str) -> str:
    return f"{how}, {more}" if how else more
