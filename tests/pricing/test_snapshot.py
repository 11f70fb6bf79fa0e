"""A catalogue as bytes, and what stands on the topic."""

import zlib

import pytest
from genai_prices.data import providers
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider
from hypothesis import given
from hypothesis import strategies as st

from burnline.pricing.book import RateBook
from burnline.pricing.catalogue import Catalogue
from burnline.pricing.corrections import CORRECTIONS
from burnline.pricing.listed import CatalogueError
from burnline.pricing.shelf import IN_FORCE, InForce, Shelf, kept, records_of
from burnline.pricing.snapshot import decode, digest, encode

BUNDLED = Catalogue.bundled()
BYTES = encode(BUNDLED.contents, BUNDLED.source)
NOW_MS = 1_795_845_077_002
SMALL = Catalogue([Provider("maker", "", "", models=[ModelInfo("m", ClauseEquals("m"), prices=ModelPrice())])])


def catalogue(value: bytes) -> Catalogue:
    found = decode(value)
    return Catalogue(*found.contents, source=found.source)


AGAIN = catalogue(BYTES)


def test_it_is_small_enough_for_a_record_and_the_same_again() -> None:
    assert len(BYTES) < 200_000
    assert AGAIN.version == BUNDLED.version == digest(AGAIN.contents)
    assert AGAIN.source == BUNDLED.source != ""
    assert encode(AGAIN.contents, AGAIN.source) == BYTES


@given(st.sampled_from(list(BUNDLED.models())), st.integers(1_577_836_800_000, 1_830_297_600_000), st.data())
def test_every_card_is_the_same_at_any_time(listed: tuple[str, object], at_ms: int, data: st.DataObject) -> None:
    provider, entry = listed
    model = entry.id  # type: ignore[attr-defined]
    tier = data.draw(st.sampled_from(["", "batch", "flex", "priority", "fast"]))
    region = data.draw(st.sampled_from(["", "eu", "us", "us-gov-west-1", "europe-west1"]))
    ours, theirs = (
        RateBook(each).resolve(provider, model, at_ms, service_tier=tier, region=region) for each in (BUNDLED, AGAIN)
    )
    assert ours == theirs


def test_corrections_and_regions_travel_with_it() -> None:
    assert AGAIN.contents.corrections == tuple(CORRECTIONS)
    assert AGAIN.regions == BUNDLED.regions
    bare = catalogue(encode(Catalogue(providers).contents, ""))
    assert bare.contents.corrections == ()
    assert bare.version != BUNDLED.version


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(b"", "no snapshot", id="nothing"),
        pytest.param(b"{}", "no snapshot", id="not compressed"),
        pytest.param(BYTES[:-100], "cut off", id="cut off"),
        pytest.param(zlib.compress(b"[]"), "no JSON object", id="no object"),
        pytest.param(zlib.compress(b'{"format":2}'), "format=2: this is Burnline for format 1", id="a later format"),
        pytest.param(zlib.compress(b'{"format":1,"providers":[]}'), "an empty one", id="no providers"),
    ],
)
def test_what_is_no_snapshot(value: bytes, told: str) -> None:
    with pytest.raises(CatalogueError, match=told):
        decode(value)


def on_the_topic(*catalogues: Catalogue, **changes: bytes) -> Shelf:
    """One after the other put in force, and single records changed."""
    records: dict[str, bytes] = {}
    for each in catalogues:
        records |= records_of(each, since_ms=NOW_MS, as_of_ms=5)
    return Shelf({key.encode(): value for key, value in (records | changes).items()})


def test_nothing_in_force_is_the_bundled_one() -> None:
    shelf = on_the_topic()
    assert shelf.in_force is None
    assert shelf.current() is BUNDLED


def test_the_newest_is_in_force_and_the_others_stay() -> None:
    shelf = on_the_topic(BUNDLED, SMALL)
    assert shelf.in_force == InForce(SMALL.version, NOW_MS, 5, "")
    assert shelf.current().version == SMALL.version
    assert shelf.holds(BUNDLED.version)
    assert shelf.catalogue(BUNDLED.version) is BUNDLED
    assert list(records_of(SMALL, since_ms=1, as_of_ms=1)) == [SMALL.version, IN_FORCE]  # in this order


@pytest.mark.parametrize(
    ("shelf", "told"),
    [
        pytest.param(Shelf({b"in-force": b"{}"}), "record 'in-force'", id="no record"),
        pytest.param(
            Shelf({IN_FORCE.encode(): records_of(SMALL, since_ms=1, as_of_ms=1)[IN_FORCE]}), "does not stand on",
            id="without its catalogue",
        ),
        pytest.param(
            on_the_topic(SMALL, **{SMALL.version: BYTES}), f"what stands there is {BUNDLED.version}", id="another one"
        ),
        pytest.param(on_the_topic(SMALL, **{SMALL.version: b"x"}), f"catalogue {SMALL.version}: no", id="damaged"),
    ],
)  # fmt: skip
def test_what_nobody_can_price_by(shelf: Shelf, told: str) -> None:
    with pytest.raises(CatalogueError, match=told):
        shelf.current()


def test_a_catalogue_can_be_kept_without_being_in_force() -> None:
    shelf = Shelf({key.encode(): value for key, value in kept(SMALL).items()})
    assert shelf.in_force is None
    assert shelf.catalogue(SMALL.version).version == SMALL.version
