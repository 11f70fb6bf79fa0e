"""The sinks file: every mistake is listed, and secrets stand elsewhere."""

from pathlib import Path

import pytest

from burnline.notify.sinks import Secret, SinksError, read_sinks

GOOD = """
link = "https://burn.example"
[[sinks]]
name = "am"
kind = "alertmanager"
url = "http://alertmanager:9093"
[[sinks]]
name = "hook"
kind = "webhook"
url = "https://hooks.example/burn"
secret = { env = "HOOK_SECRET" }
match = { org_id = ["acme"], severity_floor = "critical" }
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "sinks.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_that_is_right(tmp_path: Path) -> None:
    found = read_sinks(written(tmp_path, GOOD))
    assert [sink.name for sink in found.sinks] == ["am", "hook"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param('name = "hook"', 'name = "am"', "two sinks are called am", id="a name twice"),
        pytest.param('kind = "webhook"', 'kind = "pigeon"', "pigeon", id="no such kind"),
        pytest.param('url = "https://hooks', 'url = "ftp://hooks', "url", id="no web address"),
        pytest.param('{ env = "HOOK_SECRET" }', '{ env = "A", file = "/b" }', "one of file and env", id="two places"),
        pytest.param('severity_floor = "critical"', 'floor = "critical"', "floor", id="a field that is not there"),
        pytest.param("[[sinks]]", "[[sinks", "sinks.toml", id="no TOML"),
        pytest.param(
            'url = "http://alertmanager:9093"',
            'url = "http://a"\nmute = [{ from = "22:00", to = "06:00" }]',
            "mute_time_intervals",
            id="mutes that Alertmanager has",
        ),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(SinksError, match=says):
        read_sinks(written(tmp_path, GOOD.replace(old, new)))


def test_a_template_that_cannot_be_rendered_is_a_mistake_of_the_file(tmp_path: Path) -> None:
    own = '[[sinks]]\nname = "chat"\nkind = "apprise"\naddress = { env = "A" }\ntext = "{{ notice.x }}"\n'
    with pytest.raises(SinksError, match=r"text: .*has no attribute 'x'"):
        read_sinks(written(tmp_path, own))


def test_all_mistakes_are_listed(tmp_path: Path) -> None:
    with pytest.raises(SinksError) as found:
        read_sinks(written(tmp_path, GOOD.replace("http://alert", "alert").replace('"acme"', "7")))
    assert len(found.value.mistakes) == 2


def test_a_secret_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("s3cret\n", encoding="utf-8")
    assert Secret(file=path).read({}) == "s3cret"
    assert Secret(env="S").read({"S": "x"}) == "x"
    with pytest.raises(SinksError, match="the environment variable S holds no secret"):
        Secret(env="S").read({})
    with pytest.raises(SinksError, match="No such file"):
        Secret(file=tmp_path / "none").read({})
