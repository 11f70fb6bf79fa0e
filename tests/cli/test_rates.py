"""`burnline rates`: cards and why they matched, and rates of one's own, on a real broker."""

import json
from pathlib import Path

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
TIMEOUT_S = 60.0


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
    assert "openai/gpt-4o matched catalogue: equals gpt-4o-2024-08-06 source catalogue holds always" in shown
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
        "meters": {"usd_per_thousand_web_searches": "10", "usd_per_thousand_file_searches": "2.5"},
        "note": "a deal [x]",
    }
    assert ValuationRate.parse(key, value).key().encode() == key
    assert f"openai/gpt-4o@{T1_MS}: set, in force for event times from {T1} on." in said
    assert said.endswith("says what of it this corrects."), "the rate is of the past, and what was charged is not"
    assert "in place of openai/gpt-4o, catalogue: exact id" in said
    assert "input 2.5 1.5 stated output 10 8 stated cached input 1.25 0.1 stated cache write 2.5 2 stated" in said


def test_set_inherits_what_it_does_not_name_and_says_so(topic: Settings) -> None:
    said = set_rate()
    assert "cached input 1.25 0.5 inherited cache write 2.5 1 inherited reasoning 10 8 inherited" in said
    ((_, value),) = held(topic).items()
    assert json.loads(value)["cached_input_usd_per_million_tokens"] == "0.5"
    assert "cached input 0.5 0.5 inherited" in set_rate("--inherit", "unchanged", usd="3")


def test_set_names_what_ends(topic: Settings) -> None:
    said = set_rate("--above", "128000:input=2", provider="google", model="gemini-2.5-pro")
    assert "ends: the tier above 200,000 input tokens: input 2.5, output 15, cached input 0.25 USD per" in said


def test_rates_of_long_requests_are_inherited(topic: Settings) -> None:
    assert "ends:" not in set_rate(provider="google", model="gemini-2.5-pro", usd="0.625")
    shown = words(run("rates", "show", "gemini-2.5-pro", "--provider", "google").stdout)
    assert "above 200,000 input tokens 1.25 12 0.125" in shown


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
    monkeypatch.setattr("burnline.cli.rates_set.console", Console(force_terminal=True, soft_wrap=True))
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
        pytest.param(["openai", "a*b*c*d*e*", "--input", "1"], "at most 4 stars", id="five stars"),
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


def test_a_contract_with_all_that_contracts_say(topic: Settings) -> None:
    run(
        "rates", "set", "google", "gemini-2.5-pro", "--input", "1", "--output", "9", "--cache-write-1h", "2",
        "--meter", "input-audio=3",
        "--above", "200000:input=2,cached-input=0.2", "--service-tier", "batch=0.5", "--per-request", "0.001",
        "--org", "acme", "--effective-from", "always",
    )  # fmt: skip
    assert [json.loads(value) for value in held(topic).values()] == [
        {
            "provider": "google",
            "model": "gemini-2.5-pro",
            "org_id": "acme",
            "effective_from": 0,
            "input_usd_per_million_tokens": "1",
            "output_usd_per_million_tokens": "9",
            "cached_input_usd_per_million_tokens": "0.1",
            "meters": {"input_audio_usd_per_million_tokens": "3", "cache_write_1h_usd_per_million_tokens": "2"},
            "usd_per_request": "0.001",
            "above": [
                {
                    "above_input_tokens": 200_000,
                    "input_usd_per_million_tokens": "2",
                    "cached_input_usd_per_million_tokens": "0.2",
                }
            ],
            "service_tiers": {"batch": "0.5"},
        }
    ]
    shown = run("rates", "show", "gemini-2.5-pro", "--provider", "google", "--org", "acme", "--service-tier", "batch")
    assert "service tier batch: 0.5 times its rates" in words(shown.stdout)
    assert "source catalogue holds" in words(run("rates", "show", "gemini-2.5-pro").stdout)
    assert "acme always in force 1 9" in words(run("rates", "list").stdout)
    assert "deleted" in run("rates", "remove", "google", "gemini-2.5-pro", "--org", "acme").stdout
    assert held(topic) == {}


def test_an_alias_and_a_discount(topic: Settings) -> None:
    set_up = words(run("rates", "alias", "azure", "mine", "azure/gpt-4o").stdout)
    assert "azure/gpt-4o matched override azure/mine: costs what azure/gpt-4o does" in set_up
    assert "override */*" not in set_up
    table = words(run("rates", "discount", "*", "*", "15%", "--effective-from", "always").stdout)
    assert "* * always in force × 0.85" in table
    shown = words(run("rates", "show", "mine", "--provider", "azure").stdout)
    assert "0.85 times" in shown
    assert "2.125 8.5 1.0625" in shown
    values = [json.loads(value) for value in held(topic).values()]
    assert [(each.get("same_as"), each.get("multiplier")) for each in values] == [
        ("azure/gpt-4o", None),
        (None, "0.85"),
    ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        pytest.param(["discount", "*", "*", "cheap%"], "BY=cheap%", id="no percentage"),
        pytest.param(["discount", "*", "*", "cheap"], "multiplier=cheap", id="no factor"),
        pytest.param(["discount", "*", "*", "101%"], "multiplier=-0.01", id="more than all of it"),
        pytest.param(["alias", "azure", "mine", "gpt-4o"], "same_as=gpt-4o", id="alias without provider"),
        pytest.param(["set", "a", "m", "--input", "1", "--output", "1", "--above", "x"], "--above=x", id="no line"),
        pytest.param(
            ["set", "a", "m", "--input", "1", "--output", "1", "--above", "9:imput=1"], "above.0.imput", id="misspelt"
        ),
        pytest.param(
            ["set", "a", "m", "--input", "1", "--output", "1", "--service-tier", "batch"], "NAME=VALUE", id="no factor"
        ),
    ],
)  # fmt: skip
def test_mistakes_in_contracts_are_named(arguments: list[str], named: str) -> None:
    failed = run("rates", *arguments, code=2)
    assert named in words(failed.stderr)


def test_a_price_list_is_shown_and_then_set_as_a_whole(topic: Settings, tmp_path: Path) -> None:
    set_rate(model="o3-mini", since="always")
    entries = {
        "gpt-4o": {"input_cost_per_token": 2e-06, "output_cost_per_token": 1e-05},
        "gpt-4o-mini": {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07,
                        "cache_read_input_token_cost": 7.5e-08},
        "o3-mini": {"input_cost_per_token": 9e-06, "output_cost_per_token": 9e-06},
        "house-model": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
    }  # fmt: skip
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({name: {"litellm_provider": "openai", **entry} for name, entry in entries.items()}))
    before = held(topic)
    shown = words(run("rates", "import", str(prices), "--dry-run", "--effective-from", "always").stdout)
    assert "openai gpt-4o 2.5 → 2 10 1.25 → 2 2.5 → 2" in shown
    assert "openai house-model new → 1 new → 2" in shown
    assert "1 new, 1 changed, 1 the same, 1 stay as they were set. Nothing is written." in shown
    assert held(topic) == before
    said = words(run("rates", "import", str(prices), "--effective-from", "always").stdout)
    assert "2 rates are set." in said
    assert set(held(topic)) - set(before) == {b"openai/gpt-4o@0", b"openai/house-model@0"}
    assert "0 new, 0 changed, 3 the same" in words(
        run("rates", "import", str(prices), "--effective-from", "always").stdout
    )


def test_a_price_list_with_a_mistake_changes_nothing(topic: Settings, tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 0.0025}}')
    failed = run("rates", "import", str(prices), code=1)
    assert "input_usd_per_million_tokens=2500, in force is 2.5" in words(failed.stderr)
    assert objects("rates", "import", str(prices), "--far", "--dry-run")[0]["doubts"][0]["value"] == "2500"
    prices.write_text("{}")
    assert "no known format" in run("rates", "import", str(prices), code=2).stderr
    assert held(topic) == {}


LISTED = [
    {
        "id": "openai",
        "models": [
            {"id": "gpt-4o", "match": {"starts_with": "gpt-4o"}, "prices": {"input_mtok": 3, "output_mtok": 10}}
        ],
    },
    {"id": "house", "models": [{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 1}}]},
]
"""A whole catalogue in genai-prices' format."""


def catalogue_file(folder: Path, listed: object = LISTED) -> str:
    file = folder / "data.json"
    file.write_text(json.dumps(listed))
    return str(file)


def test_without_one_on_the_topic_the_bundled_catalogue_is_in_force(topic: Settings) -> None:
    (said,) = objects("rates", "catalogue")
    assert (said["on_topic"], said["version"], said["in_force_since_ms"]) == (False, said["installed_version"], None)
    assert "bundled: none was imported" in words(run("rates", "catalogue").stdout)


def test_a_catalogue_is_shown_and_then_put_in_force_as_a_whole(topic: Settings, tmp_path: Path) -> None:
    file = catalogue_file(tmp_path)
    shown = words(run("rates", "import", file, "--as-catalogue", "--dry-run", "--far").stdout)
    assert "openai gpt-4o 2.5 → 3 10 1.25 → 3 2.5 → 3" in shown or "house m new → 1" in shown
    assert "1 new, 2 changed," in shown  # one of them by a name that starts as it does
    assert "Nothing is written." in shown
    assert not objects("rates", "catalogue")[0]["on_topic"]
    assert "is in force" in words(run("rates", "import", file, "--as-catalogue", "--far").stdout)
    (said,) = objects("rates", "catalogue")
    assert said["on_topic"]
    assert said["source"] == "data.json"
    assert said["version"] != said["installed_version"]
    assert "burnline rates import catalogue --dry-run" in words(run("rates", "catalogue").stdout)
    (card,) = objects("rates", "show", "gpt-4o")
    assert card["tiers"][0]["input_usd_per_million_tokens"] == "3"
    (card,) = objects("rates", "show", "gpt-4o", "--catalogue-only")
    assert card["tiers"][0]["input_usd_per_million_tokens"] == "2.5"
    run("rates", "show", "claude-sonnet-4-5", code=1)  # this catalogue does not list it


def test_a_list_that_is_cut_off_needs_a_word(topic: Settings, tmp_path: Path) -> None:
    failed = run("rates", "import", catalogue_file(tmp_path), "--as-catalogue", code=1)
    assert "models would have no price any more If it is meant, say --far." in words(failed.stderr)


def test_the_installed_catalogue_comes_back_and_the_other_is_kept(topic: Settings, tmp_path: Path) -> None:
    run("rates", "import", catalogue_file(tmp_path), "--as-catalogue", "--far")
    (other,) = objects("rates", "catalogue")
    run("rates", "import", "catalogue", "--far")
    (now,) = objects("rates", "catalogue")
    assert (now["version"], now["on_topic"]) == (now["installed_version"], True)
    assert "is in force already" in words(run("rates", "import", "catalogue").stdout)
    kept = read_newest(client_config(topic), topics_for(topic).catalogues, timeout_s=30)
    assert set(kept) == {b"in-force", now["version"].encode(), other["version"].encode()}


def test_a_catalogue_with_a_mistake_changes_nothing(topic: Settings, tmp_path: Path) -> None:
    far = json.loads(json.dumps(LISTED))
    far[0]["models"][0]["prices"]["input_mtok"] = 2500
    file = catalogue_file(tmp_path, far)
    failed = run("rates", "import", file, "--as-catalogue", code=1)
    assert "openai/gpt-4o: input_usd_per_million_tokens=2500, in force is 2.5" in words(failed.stderr)
    assert any(each["doubts"] for each in objects("rates", "import", file, "--as-catalogue", "--far", "--dry-run"))
    assert read_newest(client_config(topic), topics_for(topic).catalogues, timeout_s=30) == {}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["no-such-file.json"], "there is no such file", id="no file"),
        pytest.param(["no-such-file.json", "--as-catalogue"], "No such file", id="no file, as catalogue"),
        pytest.param(["catalogue", "--new"], "a catalogue is one whole", id="a part of one"),
    ],
)
def test_how_not_to_import_a_catalogue(topic: Settings, arguments: list[str], told: str) -> None:
    assert told in words(run("rates", "import", *arguments, code=2).stderr)


def test_a_list_that_is_no_catalogue_is_named(topic: Settings, tmp_path: Path) -> None:
    file = catalogue_file(tmp_path, [{"id": "p", "models": [{"id": "m", "match": {"like": "m"}, "prices": {}}]}])
    failed = run("rates", "import", file, "--as-catalogue", code=2)
    assert "provider 'p': model 'm': matches by 'like'" in words(failed.stderr)


def test_history_tells_what_was_replaced_and_removed(topic: Settings) -> None:
    set_rate()
    set_rate(usd="3")
    run("rates", "remove", "openai", "gpt-4o")
    set_rate(usd="4")
    changes = objects("rates", "history", "gpt-4o")
    told = [(each["rate"]["input_usd_per_million_tokens"], each["became"]) for each in changes]
    assert told == [("1", "replaced"), ("3", "removed"), ("4", "stands")]
    assert all(each["key"] == f"openai/gpt-4o@{T1_MS}" for each in changes)
    (standing,) = objects("rates", "history", "--at", "now")
    assert standing == changes[-1]
    assert objects("rates", "history", "o3") == []
    assert "removed" in words(run("rates", "history").output)
