"""What is asked of a registry, how often, and what is made of its answers. The registry is a stub over real HTTP."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from burnline.registry.formats import Unfit
from burnline.registry.schemas import RETRY_S, UNKNOWN_FOR_S, RegistryAway, Schemas
from tests.registry.stub import Registry, registry
from tests.registry.test_readers import EVENT, record_of
from tests.registry.written import AVRO, PROTO, PROTO_DESCRIPTOR, avro, protobuf


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def stub() -> Iterator[Registry]:
    with registry() as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schemas(stub: Registry, clock: Clock) -> Schemas:
    return Schemas(stub.url, None, None, now_s=clock)


def test_a_schema_is_asked_for_once(stub: Registry, schemas: Schemas) -> None:
    stub.has(7, AVRO)
    payload = avro(EVENT | {"kind": "llm"})
    assert [schemas.reader(7)(payload) for _ in range(3)] == [EVENT | {"kind": "llm"}] * 3
    assert [path for path, _ in stub.asked] == ["/schemas/ids/7"]


def test_by_a_guid(stub: Registry, schemas: Schemas) -> None:
    guid = UUID("0197f3c2-5d1e-7c3a-9b51-2f60c1a7e4d8")
    stub.has(str(guid), "{}", "JSON")
    assert schemas.reader(guid)(b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("written", [PROTO_DESCRIPTOR, PROTO], ids=["as a descriptor", "as text"])
def test_protobuf_is_asked_for_as_a_descriptor(stub: Registry, schemas: Schemas, written: str) -> None:
    stub.has(7, written, "PROTOBUF")
    assert schemas.reader(7)(protobuf(EVENT)) == EVENT
    assert [path for path, _ in stub.asked] == ["/schemas/ids/7", "/schemas/ids/7?format=serialized"]


def test_what_a_schema_refers_to_is_asked_for_innermost_first(stub: Registry, schemas: Schemas) -> None:
    stub.has_version("id", 1, '{"type": "fixed", "name": "Id", "size": 1}')
    named = [{"name": "Id", "subject": "id", "version": 1}]
    who = record_of({"name": "n", "type": "long"}, {"name": "i", "type": ["null", "Id"]}).replace('"R"', '"Who"')
    stub.has_version("who", 2, who, named)
    outer = '{"type": "record", "name": "U", "fields": [{"name": "who", "type": "Who"}]}'
    stub.has(7, outer, "AVRO", [{"name": "Who", "subject": "who", "version": 2}])
    assert schemas.reader(7)(b"\x02\x00") == {"who": {"n": 1}}


def test_a_schema_that_is_not_there_is_asked_for_again_after_a_while(
    stub: Registry, schemas: Schemas, clock: Clock
) -> None:
    for _ in range(2):
        with pytest.raises(Unfit, match="the registry does not know it"):
            schemas.reader(7)
    assert len(stub.asked) == 1
    stub.has(7, "{}", "JSON")
    clock.now_s += UNKNOWN_FOR_S
    assert schemas.reader(7)(b"{}") == {}


def test_a_type_that_nobody_can_read(stub: Registry, schemas: Schemas) -> None:
    stub.has(7, "x", "THRIFT")
    with pytest.raises(Unfit, match="its type is THRIFT"):
        schemas.reader(7)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_registry_that_refuses_is_away_and_left_in_peace(
    stub: Registry, schemas: Schemas, clock: Clock, status: int
) -> None:
    stub.has(7, "{}", "JSON")
    stub.status = status
    for _ in range(2):
        with pytest.raises(RegistryAway, match=f"{stub.url}: answers {status}"):
            schemas.reader(7)
    assert len(stub.asked) == 1
    stub.status = None
    clock.now_s += RETRY_S
    assert schemas.reader(7)(b"{}") == {}


def test_nobody_there_and_what_is_known_is_read_on(clock: Clock) -> None:
    with registry() as stub:
        schemas = Schemas(stub.url, None, None, now_s=clock)
        stub.has(7, "{}", "JSON")
        schemas.reader(7)
    with pytest.raises(RegistryAway, match=stub.url):
        schemas.reader(8)
    assert schemas.reader(7)(b"{}") == {}


def test_another_server_at_the_address_is_no_registry_without_schemas(
    stub: Registry, schemas: Schemas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stub, "answer", lambda _: (404, {"detail": "Not Found"}))
    with pytest.raises(RegistryAway, match="answers 404"):
        schemas.reader(7)


@pytest.mark.parametrize(
    ("secret", "told"),
    [("reader:s3:cret\n", "Basic cmVhZGVyOnMzOmNyZXQ="), ("t0ken\n", "Bearer t0ken")],
    ids=["user and password", "a token"],
)
def test_credentials_out_of_a_file(stub: Registry, tmp_path: Path, secret: str, told: str) -> None:
    stub.has(7, "{}", "JSON")
    (tmp_path / "secret").write_text(secret)
    Schemas(stub.url, tmp_path / "secret", None).reader(7)
    assert stub.asked == [("/schemas/ids/7", told)]


def test_credentials_are_read_again_when_they_are_refused(stub: Registry, clock: Clock, tmp_path: Path) -> None:
    stub.has(7, "{}", "JSON")
    schemas = Schemas(stub.url, tmp_path / "secret", None, now_s=clock)
    with pytest.raises(RegistryAway, match="secret"):  # not there
        schemas.reader(7)
    (tmp_path / "secret").write_text("")
    clock.now_s += RETRY_S
    with pytest.raises(RegistryAway, match="is empty"):
        schemas.reader(7)
    (tmp_path / "secret").write_text("old")
    stub.status = 401
    clock.now_s += RETRY_S
    with pytest.raises(RegistryAway, match="answers 401"):
        schemas.reader(7)
    (tmp_path / "secret").write_text("new")
    stub.status = None
    clock.now_s += RETRY_S
    schemas.reader(7)
    assert [who for _, who in stub.asked] == ["Bearer old", "Bearer new"]


def test_several_addresses_are_tried_in_turn(stub: Registry) -> None:
    with registry() as gone:
        url = gone.url
    stub.has(7, "{}", "JSON")
    assert Schemas(f"{url},{stub.url}", None, None).reader(7)(b"{}") == {}
