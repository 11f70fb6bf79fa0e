"""Apache Kafka's jars: a fixed list with the hash of each, fetched once and looked over at each start."""

import contextlib
import fcntl
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

KAFKA_VERSION: Final = "4.4.0"
_LIST: Final = Path(__file__).with_name("apache-kafka.txt")
_TIMEOUT_S: Final = 60.0

Note = Callable[[str], None]


class JarsUnavailable(RuntimeError):
    """A jar cannot be fetched, or is not the one that was pinned."""


class Jar(NamedTuple):
    """One jar: where it stands in a Maven repository, and the SHA-256 that it must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """Its name in a folder."""
        return f"{self.artifact}-{self.version}.jar"


def pinned() -> list[Jar]:
    """All jars of Apache Kafka's server."""
    return [_jar(line) for line in _LIST.read_text(encoding="utf-8").splitlines()]


def _jar(line: str) -> Jar:
    coordinates, sha256 = line.split()
    group, artifact, version = coordinates.split(":")
    return Jar(group, artifact, version, sha256)


def cache_folder() -> Path:
    """This user's folder for what can be fetched again."""
    given = os.environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "burnline"


def fetch_jars(note: Note, *, repository: str | None = None, cache: Path | None = None) -> Path:
    """The folder that holds exactly the pinned jars; what is not there is fetched, and each is held to its hash.

    Args:
        note: Is told before anything is fetched.
        repository: Address of a Maven repository; Maven Central if not said.
        cache: Where the folder is; this user's cache if not said.

    Raises:
        JarsUnavailable: One cannot be fetched, or is another one than was pinned; names it.
        OSError: The folder cannot be written.
    """
    folder = (cache or cache_folder()) / f"apache-kafka-{KAFKA_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "fetching").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # another process may fetch them too
        missing = [jar for jar in pinned() if not _is(folder / jar.file, jar)]
        if missing:
            note(f"fetching Apache Kafka {KAFKA_VERSION}: {len(missing)} jars, once, into {folder}")
        for jar in missing:
            _fetch(jar, folder, repository)
    return folder


def _is(file: Path, jar: Jar) -> bool:
    return file.is_file() and _sha256(file) == jar.sha256


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _fetch(jar: Jar, folder: Path, repository: str | None) -> None:
    partial = folder / f"{jar.file}.partial"
    try:
        _download(jar, partial, repository)
        if (found := _sha256(partial)) != jar.sha256:
            raise JarsUnavailable(f"{jar.file} is not the pinned one: its SHA-256 is {found}, wanted is {jar.sha256}")
        partial.replace(folder / jar.file)
    finally:
        partial.unlink(missing_ok=True)


def _download(jar: Jar, file: Path, repository: str | None) -> None:
    from maven_artifact import Artifact, Downloader, RequestException, Requestor

    class Impatient(Requestor):  # type: ignore[misc]  # untyped; its own waits for ever
        def request(self, url: str, *arguments: Any, **named: Any) -> Any:
            return super().request(url, *arguments, **named, timeout=_TIMEOUT_S)

    downloader = Downloader() if repository is None else Downloader(repository)
    downloader.requestor = Impatient()
    with contextlib.redirect_stdout(io.StringIO()):  # it says what it does, on our stdout
        try:
            downloader.download(Artifact(jar.group, jar.artifact, jar.version), str(file))
        except (RequestException, OSError) as error:  # what breaks in the middle is an OSError of requests'
            reason = " ".join(str(getattr(error, "msg", error)).split())
            raise JarsUnavailable(f"{jar.group}:{jar.artifact}:{jar.version} cannot be fetched: {reason}") from error
