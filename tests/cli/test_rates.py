"""`burnline rates`: cards and why they matched, and rates of one's own, on a real broker."""

import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from burnline.cli.root import cli
from burnline.kafka import client_config
from burnline.pricing.valuation import ValuationRate
from burnline.settings import Settings
from burnline.topics.catalogue import topics_for
from burnline.topics.compacted import read_newest, write_key
from burnline.topics.ensure import ensure_topics
from tests.brokers import MakeSettings
from tests.cli.reach import objects, reach, run, words

T1, T2 = "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z"
T1_MS = 1_767_225_600_000
TIMEOUT_S = 20.0


@pytest.fixture
def topic(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The command line reaches the broker, and the topics exist."""
    reach(settings, monkeypatch)
    ensure_topics(settings)
    return settings


def held(settings: Settings) -> dict[bytes, bytes]:
    return read_newest(client_config(settings), topics_for(settings).valuation_rates, timeout_s=TIMEOUT_S)


def put(settings: Settings, key: str, value: bytes) -> None:
    write_key(client_config(settings), topics_for(settings).valuation_rates, key, value, timeout_s=TIMEOUT_S)


def set_rate(*more: str, provider: str = "openai", model: str = "gpt-4o", since: str = T1, usd: str = "1") -> str:
    arguments = ("--input", usd, "--output", "8", "--effective-from", since, *more)
    return words(run("rates", "set", provider, model, *arguments).stdout)


def test_show_says_what_matched_and_what_it_costs() -> None:
    shown = words(run("rates", "show", "gpt-4o-2024-08-06", "--provider", "openai", "--catalogue-only").stdout)
    assert "openai/gpt-4o matched catalogue: equals gpt-4o-2024-08-06 source bundled catalogue holds always" in shown
    assert "input output cached input cache write reasoning 2.5 10 1.25 2.5 10" in shown
    assert shown.endswith("file searches: 2.5 per thousand")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        pytest.param("gemini-2.5-pro", "base 1.25 10 0.125 1.25 10 above 200,000 input tokens 2.5 15", id="tiers"),
        pytest.param("sonar", "and 0.012 USD per request", id="fee"),
    ],
)
def test_show_knows_tiers_and_fees(model: str, said: str) -> None:
    provider = {"sonar": "perplexity"}.get(model, "google")
    assert said in words(run("rates", "show", model, "--provider", provider, "--catalogue-only").stdout)


def test_show_of_an_unknown_model_is_loud_and_fails() -> None:
    shown = words(run("rates", "show", "gtp-4o", "--catalogue-only", code=1).stdout)
    assert shown.startswith("?/gtp-4o unpriced matched no provider given, and no provider in the catalogue has a model")


def test_show_resolves_at_the_time_asked_for() -> None:
    night, day = (
        objects("rates", "show", "deepseek-chat", "--provider", "deepseek", "--at", at, "--catalogue-only")[0]
        for at in ("2025-06-01T20:00:00Z", "2025-06-01T12:00:00Z")
    )
    assert (day["valid_from"], day["valid_until"]) == ("2025-06-01T00:30:00Z", "2025-06-01T16:30:00Z")
    assert night["valid_from"] == day["valid_until"]
    assert night["tiers"] != day["tiers"]


def test_show_counts_the_topics_rates_unless_told_not_to(topic: Settings) -> None:
    set_rate()
    (card,) = objects("rates", "show", "gpt-4o", "--at", T2)
    assert (card["source"], card["rule"]) == ("valuation-rates", f"override openai/gpt-4o from {T1}")
    assert card["tiers"][0]["input_usd_per_million_tokens"] == "1"
    (bundled,) = objects("rates", "show", "gpt-4o", "--at", T2, "--catalogue-only")
    assert bundled["source"] == "catalogue"


def test_set_writes_a_record_of_the_contract_under_its_key(topic: Settings) -> None:
    options = ("--cached-input", "0.10", "--cache-write", "2", "--reasoning", "9", "--note", "a deal [x]")
    said = set_rate(*options, provider="OpenAI", usd="1.50")
    ((key, value),) = held(topic).items()
    assert key == f"openai/gpt-4o@{T1_MS}".encode()
    assert json.loads(value) == {
        "provider": "openai",
        "model": "gpt-4o",
        "effective_from": T1_MS,
        "input_usd_per_million_tokens": "1.5",
        "output_usd_per_million_tokens": "8",
        "cached_input_usd_per_million_tokens": "0.1",
        "cache_write_usd_per_million_tokens": "2",
        "reasoning_usd_per_million_tokens": "9",
        "note": "a deal [x]",
    }
    assert ValuationRate.parse(key, value).key().encode() == key
    assert said.endswith(f"openai/gpt-4o@{T1_MS}: set, in force for event times from {T1} on.")
    assert "in place of openai/gpt-4o, bundled catalogue: exact id" in said
    assert "input 2.5 1.5 stated output 10 8 stated cached input 1.25 0.1 stated cache write 2.5 2 stated" in said


def test_set_inherits_what_it_does_not_name_and_says_so(topic: Settings) -> None:
    said = set_rate()
    assert "cached input 1.25 0.5 inherited cache write 2.5 1 inherited reasoning 10 8 inherited" in said
    ((_, value),) = held(topic).items()
    assert json.loads(value)["cached_input_usd_per_million_tokens"] == "0.5"
    assert "cached input 0.5 0.5 inherited" in set_rate("--inherit", "unchanged", usd="3")


def test_set_names_what_ends(topic: Settings) -> None:
    said = set_rate(provider="google", model="gemini-2.5-pro")
    assert "ends: the tier above 200,000 input tokens: input 2.5, output 15, cached input 0.25 USD per" in said


def test_a_dry_run_shows_the_card_and_writes_nothing(topic: Settings) -> None:
    said = set_rate("--dry-run")
    assert "cached input 1.25 0.5 inherited" in said
    assert said.endswith(f"nothing is written; without --dry-run it would be in force for event times from {T1} on.")
    (outcome,) = objects("rates", "set", "openai", "gpt-4o", "--input", "1", "--dry-run")
    assert (outcome["written"], outcome["card"]["tiers"][0]["output_usd_per_million_tokens"]) == (False, "10")
    assert held(topic) == {}


@pytest.mark.parametrize(
    ("arguments", "answer", "code"),
    [
        pytest.param([], "n\n", 1, id="no"),
        pytest.param([], "y\n", 0, id="yes"),
        pytest.param(["--yes"], "", 0, id="not-asked"),
    ],
)
def test_a_terminal_is_asked(
    topic: Settings, monkeypatch: pytest.MonkeyPatch, arguments: list[str], answer: str, code: int
) -> None:
    monkeypatch.setattr("burnline.cli.rates.console", Console(force_terminal=True, soft_wrap=True))
    command = ["rates", "set", "openai", "gpt-4o", "--input", "1", *arguments]
    result = CliRunner().invoke(cli, command, input=answer)
    assert result.exit_code == code, result.output
    assert ("Set it?" in result.output) is bool(answer)
    assert bool(held(topic)) is (code == 0)


def test_a_rate_far_from_the_catalogues_is_doubted(topic: Settings) -> None:
    result = run("rates", "set", "openai", "gpt-4o", "--input", "2500", "--dry-run")
    assert "input_usd_per_million_tokens=2500: the catalogue's is 2.5. Rates are USD per million." in result.stderr


def test_set_needs_a_rate_and_what_cannot_be_inherited(topic: Settings) -> None:
    assert "No rate is named" in run("rates", "set", "openai", "gpt-4o", code=2).stderr
    unknown = run("rates", "set", "ours", "in-house", "--input", "1", code=2)
    assert "output_usd_per_million_tokens has to be stated: ours/in-house has no rate to inherit" in unknown.stderr


@pytest.mark.parametrize(
    ("since", "said"),
    [
        pytest.param("always", "*/in-house@0: set, in force for all event times.", id="always"),
        pytest.param("2250-01-01", "set, to be in force for event times from 2250-01-01T00:00:00Z on.", id="to come"),
        pytest.param("now", "set, in force for event times from ", id="now"),
    ],
)
def test_set_says_from_when_it_holds(topic: Settings, since: str, said: str) -> None:
    shown = set_rate(provider="*", model="in-house", since=since)
    assert said in shown
    assert "in place of ?/in-house, none: no provider given" in shown


def test_set_as_json_tells_where_it_stands_and_what_it_replaces(topic: Settings) -> None:
    set_rate()
    arguments = ("--input", "2", "--output", "8", "--effective-from", T2)
    (outcome,) = objects("rates", "set", "openai", "gpt-4o", *arguments)
    assert outcome["key"] == "openai/gpt-4o@1782864000000"
    assert outcome["topic"] == topics_for(topic).valuation_rates.name
    assert (outcome["partition"], outcome["offset"]) == (0, 1)
    assert outcome["card"]["rule"] == f"override openai/gpt-4o from {T2}"
    assert outcome["before"]["rule"] == f"override openai/gpt-4o from {T1}"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param(["openai", "m", "--input", "-1"], "input_usd_per_million_tokens=-1: must lie", id="negative"),
        pytest.param(["openai", "m", "--input", "1e2"], "input_usd_per_million_tokens=1e2", id="exponent"),
        pytest.param(["a/b", "m", "--input", "1"], "provider=a/b: must not hold a slash", id="slash"),
        pytest.param(["openai", "*", "--input", "1"], "model=*: must name one model", id="any model"),
    ],
)
def test_set_names_every_mistake_and_writes_nothing(topic: Settings, arguments: list[str], named: str) -> None:
    result = run("rates", "set", *arguments, "--output", "0.0000001", code=2)
    assert named in result.stderr
    assert "output_usd_per_million_tokens=0.0000001: must have at most 6 decimals" in result.stderr
    assert held(topic) == {}


def test_set_creates_the_topics_where_they_are_missing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reach(settings, monkeypatch)
    set_rate()
    assert list(held(settings)) == [f"openai/gpt-4o@{T1_MS}".encode()]


def test_list_shows_all_in_order_with_their_state(topic: Settings) -> None:
    set_rate(since=T2, usd="2")
    set_rate(since=T1)
    set_rate(since="2250-01-01", usd="3")
    set_rate("--note", "[bold]ours", provider="*", model="in-house", since="always")
    rows = [words(line) for line in run("rates", "list").stdout.splitlines()[2:]]
    assert rows == [
        "* in-house always in force 1 8 1 1 8 [bold]ours",
        f"openai gpt-4o {T1} past 1 8 0.5 1 8",
        f"openai gpt-4o {T2} in force 2 8 1 2 8",
        "openai gpt-4o 2250-01-01T00:00:00Z to come 3 8 1.5 3 8",
    ]
    assert [each["key"] for each in objects("rates", "list", "--model", "GPT-4o")] == [
        f"openai/gpt-4o@{at_ms}" for at_ms in (T1_MS, 1_782_864_000_000, 8_835_955_200_000)
    ]
    assert [each["key"] for each in objects("rates", "list", "--provider", "*")] == ["*/in-house@0"]


def test_list_of_nothing_says_so(topic: Settings) -> None:
    assert run("rates", "list").stdout == "No rates are set: the catalogue's are in force.\n"
    assert objects("rates", "list") == []


def test_records_that_are_no_rates_are_named_and_left_out(topic: Settings) -> None:
    put(topic, "openai/gpt-4o@0", b'{"model": "gpt-4o"}')
    put(topic, "other", b"{")
    set_rate()
    result = run("rates", "list", "--json")
    assert [json.loads(line)["key"] for line in result.stdout.splitlines()] == [f"openai/gpt-4o@{T1_MS}"]
    assert result.stderr.count("Left out: valuation rate") == 2
    assert '"openai/gpt-4o@0"' in result.stderr


def test_delete_restores_what_lay_below(topic: Settings) -> None:
    set_rate()
    set_rate(since=T2, usd="2")
    said = words(run("rates", "delete", "openai", "gpt-4o", "--effective-from", T2).stdout)
    assert said.startswith(f"openai/gpt-4o@1782864000000: deleted, it was in force for event times from {T2} on.")
    assert objects("rates", "show", "gpt-4o", "--at", T2)[0]["tiers"][0]["input_usd_per_million_tokens"] == "1"
    run("rates", "delete", "OpenAI", "gpt-4o")
    assert objects("rates", "show", "gpt-4o", "--at", T2)[0]["source"] == "catalogue"
    assert held(topic) == {}


def test_delete_asks_which_where_there_are_several(topic: Settings) -> None:
    set_rate()
    set_rate(since="always")
    result = run("rates", "delete", "openai", "gpt-4o", code=1)
    assert f"There are 2 rates for it; say which by --effective-from: always, {T1}." in words(result.stderr)
    assert len(held(topic)) == 2


@pytest.mark.parametrize(
    ("more", "named"),
    [
        pytest.param((), "There is no rate for openai/gpt-4o.", id="none"),
        pytest.param(("--effective-from", T1), f"There is no rate openai/gpt-4o@{T1_MS}.", id="none of that time"),
    ],
)
def test_delete_of_nothing_fails(topic: Settings, more: tuple[str, ...], named: str) -> None:
    assert named in words(run("rates", "delete", "openai", "gpt-4o", *more, code=1).stderr)


def test_a_missing_topic_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    reach(settings, monkeypatch)
    said = words(run("rates", "list", code=1).stderr)
    assert (
        said == f"Topic {topics_for(settings).valuation_rates.name} does not exist. burnline topics ensure creates it."
    )


def test_silent_brokers_are_named(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    reach(make_settings(kafka_bootstrap_servers="127.0.0.1:1"), monkeypatch)
    assert "No broker answers at 127.0.0.1:1" in run("rates", "list", code=1).stderr
