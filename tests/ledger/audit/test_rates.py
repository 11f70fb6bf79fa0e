"""What was charged stays charged: rates that changed since are told, and no difference."""

import dataclasses

import pytest
from msgspec.structs import replace

from burnline.ledger.audit.outcome import Outcome
from burnline.ledger.policy import Policy
from burnline.ledger.progress import CatalogueSince
from burnline.pricing.valuation import ValuationRate
from tests.ledger.audit.examples import KEEPING, applied, audited, cut_of, entries, found_of_sessions, worked
from tests.ledger.examples import BOOK, T0, Topics, ledger, policy, usage

LOG = entries(usage(event_id="a", model="House-Model"), usage(event_id="b", session_id="s-2"))


def with_rate(usd: str, model: str) -> Policy:
    """A policy with one rate of one's own."""
    rate = ValuationRate(
        provider="*",
        model=model,
        effective_from=0,
        input_usd_per_million_tokens=usd,
        output_usd_per_million_tokens=usd,
    )
    changed = policy()
    changed.set_book(BOOK.with_overrides([rate]))
    return changed


@pytest.mark.parametrize(
    ("model", "subject", "usd"),
    [
        pytest.param("house-model", "s-1", "4", id="had none before"),
        pytest.param("gpt-4o", "s-2", "4", id="dearer"),
        pytest.param("gpt-4o", "s-2", "0", id="for nothing"),
    ],
)
def test_a_rate_that_was_set_since(model: str, subject: str, usd: str) -> None:
    report = audited(cut_of(worked(LOG)[-1], LOG), LOG, of=with_rate(usd, model), rated=[model])
    assert found_of_sessions(report) == [(Outcome.OTHER_RATES, subject, 0)]
    assert (report.findings.differences, report.sessions[Outcome.OTHER_RATES]) == (0, 1)


@pytest.mark.parametrize(("rated", "outcome"), [("house-model", Outcome.OTHER_RATES), ("other", Outcome.WRONG_AMOUNT)])
def test_a_rate_that_was_deleted_since(rated: str, outcome: Outcome) -> None:
    """It stands on its topic as a deletion; of a model that never had one there is no trace."""
    topics, partition = Topics(), ledger(with_rate("4", "house-model"), KEEPING)
    applied(partition, LOG)
    topics.commit(partition.take_changes(T0))
    assert found_of_sessions(audited(cut_of(topics, LOG), LOG, rated=[rated])) == [(outcome, "s-1", 0)]


@pytest.mark.parametrize(
    ("rated", "outcome"),
    [
        pytest.param("house-*", Outcome.OTHER_RATES, id="a pattern that it fits"),
        pytest.param("*", Outcome.OTHER_RATES, id="any model"),
        pytest.param("home-*", Outcome.WRONG_AMOUNT, id="another pattern"),
    ],
)
def test_a_pattern_that_was_deleted_since(rated: str, outcome: Outcome) -> None:
    topics, partition = Topics(), ledger(with_rate("4", "house-model"), KEEPING)
    applied(partition, LOG)
    topics.commit(partition.take_changes(T0))
    assert found_of_sessions(audited(cut_of(topics, LOG), LOG, rated=[rated])) == [(outcome, "s-1", 0)]


def test_a_rate_for_the_catalogue_id_of_a_dated_model() -> None:
    log = entries(usage(model="gpt-4o-2024-08-06"))
    topics = worked(log)[-1]
    assert found_of_sessions(audited(cut_of(topics, log), log)) == []
    report = audited(cut_of(topics, log), log, of=with_rate("4", "gpt-4o"), rated=["gpt-4o"])
    assert found_of_sessions(report) == [(Outcome.OTHER_RATES, "s-1", 0)]


@pytest.mark.parametrize(
    ("catalogues", "outcome"),
    [
        pytest.param([("other", 0)], Outcome.OTHER_RATES, id="charged by another catalogue"),
        pytest.param([("other", 0), (BOOK.catalogue_version, 1)], Outcome.OTHER_RATES, id="some of it"),
        pytest.param([(BOOK.catalogue_version, 0)], Outcome.WRONG_AMOUNT, id="by this one"),
        pytest.param([], Outcome.WRONG_AMOUNT, id="not known: as if by this one"),
    ],
)
def test_amounts_of_another_catalogue(catalogues: list[tuple[str, int]], outcome: Outcome) -> None:
    """The log holds offsets 0 and 1."""
    topics, partition = Topics(), ledger(with_rate("4", "house-model"), KEEPING)
    applied(partition, LOG)
    topics.commit(partition.take_changes(T0))
    cut = cut_of(topics, LOG)
    assert cut.progress is not None
    known = tuple(CatalogueSince(version, offset, 0) for version, offset in catalogues)
    progress = replace(cut.progress, catalogues=known)
    recounted = audited(dataclasses.replace(cut, progress=progress, progress_after=progress), LOG)
    assert found_of_sessions(recounted) == [(outcome, "s-1", 0)]
