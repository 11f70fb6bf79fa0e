"""A backup is whole or refused: what was written is read, and what was broken off or made by others is named."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.archive.file import FORMAT, ArchiveError, Item, Line, Token, Writer, head_of, read

LINES: list[Line] = [
    Item("sessions", 3, 1_760_000_000_000, b'["acme","s"]', b"\x00\xff"),
    Item("sessions", 3, 1_760_000_000_001, b'["acme","s"]'),
    Token('{"id":"a"}'),
]


def written(file: Path, lines: Iterable[Line]) -> Path:
    with Writer(file, {"sessions": 4}, 17) as writer:
        for line in lines:
            writer.add(line)
    return file


def packed(file: Path, *lines: bytes) -> Path:
    file.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines)))
    return file


def unpacked(file: Path) -> list[bytes]:
    return gzip.decompress(file.read_bytes()).splitlines()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = written(tmp_path / "backup", LINES)
    assert list(read(file)) == LINES
    head = head_of(file)
    assert (head.format, head.made_at_ms, head.topics) == (FORMAT, 17, {"sessions": 4})
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]


@given(items=st.lists(st.builds(Item, st.text(), st.integers(0, 9), st.integers(0, 2**53), st.binary(),
                                st.none() | st.binary())))  # fmt: skip
def test_any_record_comes_back_as_it_was(items: list[Line], tmp_path_factory: pytest.TempPathFactory) -> None:
    assert list(read(written(tmp_path_factory.mktemp("any") / "backup", items))) == items


def test_one_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def breaks_off() -> Iterator[Line]:
        yield LINES[0]
        raise RuntimeError("brokers")

    with pytest.raises(RuntimeError, match="brokers"):
        written(tmp_path / "backup", breaks_off())
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "backup", LINES)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(ArchiveError):
            list(read(file))


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        pytest.param(slice(0, -1), "breaks off after 3 lines", id="without its end"),
        pytest.param([0, 1, 2, 4], "2 lines of 3", id="without a line"),
        pytest.param([0, 0, 4], "a second beginning after 0 lines", id="two beginnings"),
        pytest.param([1, 4], "is no backup of Burnline", id="without its beginning"),
        pytest.param([0, 1, 2, 3, 4, 4], "is not whole", id="two ends"),
    ],
)
def test_lines_that_are_missing_or_too_many_are_noticed(keep: slice | list[int], said: str, tmp_path: Path) -> None:
    lines = unpacked(written(tmp_path / "whole", LINES))
    left = lines[keep] if isinstance(keep, slice) else [lines[index] for index in keep]
    with pytest.raises(ArchiveError, match=said):
        list(read(packed(tmp_path / "backup", *left)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"text", "is damaged, or no backup", id="not packed"),
        pytest.param(gzip.compress(b"text\n"), "is damaged, or no backup", id="not ours"),
        pytest.param(gzip.compress(b""), "is no backup of Burnline", id="empty"),
    ],
)
def test_what_is_no_backup_is_said(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "backup").write_bytes(content)
    with pytest.raises(ArchiveError, match=said):
        head_of(tmp_path / "backup")


def test_a_format_to_come_is_refused_by_name(tmp_path: Path) -> None:
    head, *rest = unpacked(written(tmp_path / "whole", LINES))
    newer = msgspec.json.encode({**msgspec.json.decode(head), "format": FORMAT + 1})
    with pytest.raises(ArchiveError, match=f"format={FORMAT + 1}: this is Burnline for format {FORMAT}"):
        list(read(packed(tmp_path / "backup", newer, *rest)))
