"""`burnline detect`, where it does not even begin."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from burnline.cli.root import cli


def test_where_it_is_off_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_LEARNED", "off")
    result = CliRunner().invoke(cli, ["detect"])
    assert result.exit_code == 2
    assert "set it to suggest or auto" in result.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("option", "content", "complaint"),
    [
        ("--planned-file", '{"org": "a", "agent": "b", "from_ms": 2, "to_ms": 1}\n', "to_ms=1 lies before from_ms=2"),
        ("--policy", "sensitivty = 1\n", "sensitivty=1"),
    ],
    ids=["calendar", "policy"],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path: Path, option: str, content: str, complaint: str) -> None:
    path = tmp_path / "wrong"
    path.write_text(content, encoding="utf-8")
    result = CliRunner().invoke(cli, ["detect", option, str(path)])
    assert result.exit_code == 2
    assert complaint in result.output.replace("\n", " ")
