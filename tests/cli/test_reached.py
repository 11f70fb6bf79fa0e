"""Commands without a broker: those that need one say within three seconds which setting to change."""

import pytest

from tests.cli.reach import run, words

AWAY = "127.0.0.1:1"

NEEDING: list[tuple[list[str], int]] = [
    (["sessions"], 1),
    (["anomalies"], 1),
    (["explain", "0", "0"], 1),
    (["verify"], 2),
    (["topics", "ensure"], 1),
    (["baselines", "list"], 1),
    (["baselines", "set", "acme", "coder", "1"], 1),
    (["baselines", "delete", "acme", "coder"], 1),
    (["rates", "list"], 1),
    (["rates", "set", "openai", "gpt-4o", "--input", "1", "--output", "2"], 1),
    (["demo", "--once"], 1),
]


@pytest.fixture(autouse=True)
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_KAFKA_BOOTSTRAP_SERVERS", AWAY)
    monkeypatch.setenv("BURNLINE_REDIS_URL", "redis://127.0.0.1:1/0")


@pytest.mark.parametrize(("arguments", "code"), NEEDING, ids=[" ".join(arguments[:2]) for arguments, _ in NEEDING])
def test_a_command_that_needs_brokers_says_where_it_looked(arguments: list[str], code: int) -> None:
    said = words(run(*arguments, code=code).stderr)
    if arguments[0] != "demo":  # which looks for Redis first
        assert f"No broker answers at {AWAY} (" in said
        assert "Where they are says BURNLINE_KAFKA_BOOTSTRAP_SERVERS." in said


def test_the_bundled_catalogue_is_shown_without() -> None:
    result = run("rates", "show", "gpt-4o")
    assert "openai" in result.stdout
    assert "Shown is the bundled catalogue" in words(result.stderr)


@pytest.mark.parametrize("arguments", [["topics", "list"], ["rates", "show", "gpt-4o", "--catalogue-only"], ["check"]])
def test_what_needs_none_says_nothing(arguments: list[str]) -> None:
    assert run(*arguments).stderr == ""
