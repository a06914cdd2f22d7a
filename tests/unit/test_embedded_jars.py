"""The jars are exactly the locked ones, from wherever they come; the repository here is a small HTTP server."""

from __future__ import annotations

import gc
import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.runtime.embedded.jars import (
    Jar,
    download_notice,
    fetch_jars,
    jar_dir,
    kafka_version,
    locked_jars,
    missing_jars,
)
from services.runtime.embedded.mirror import repository
from services.runtime.embedded.ports import free_port
from services.runtime.embedded.settings import EmbeddedSettings, load_embedded
from services.runtime.errors import UserError

NOWHERE = f"http://127.0.0.1:{free_port()}/maven"


def publish(repo: Path, coordinate: str, content: bytes) -> Jar:
    """Puts a jar into the repository; gives its line of a lock file."""
    jar = Jar(coordinate, hashlib.sha256(content).hexdigest(), len(content))
    group, artifact, version = coordinate.split(":")
    directory = repo / group.replace(".", "/") / artifact / version
    directory.mkdir(parents=True)
    (directory / jar.filename).write_bytes(content)
    return jar


@contextmanager
def served(directory: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def jars(tmp_path: Path) -> list[Jar]:
    repo = tmp_path / "repo"
    return [
        publish(repo, "org.apache.kafka:kafka_2.13:9.9.9", b"broker" * 5000),
        publish(repo, "org.example:storage:1.0", b"storage" * 3000),
    ]


@pytest.fixture
def mirror(tmp_path: Path, jars: list[Jar]) -> Iterator[str]:
    with served(tmp_path / "repo") as url:
        yield url


def settings(tmp_path: Path, mirror: str) -> EmbeddedSettings:
    return EmbeddedSettings(cache=tmp_path / "cache", maven_mirror=mirror)


def test_the_committed_lock_names_a_whole_broker() -> None:
    locked = locked_jars()
    names = {jar.coordinate.rsplit(":", 1)[0] for jar in locked}
    assert {"org.apache.kafka:kafka_2.13", "org.apache.kafka:kafka-clients"} <= names
    assert "org.apache.logging.log4j:log4j-slf4j-impl" in names, "without it the broker can't say what is wrong"
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in locked)
    assert len({jar.filename for jar in locked}) == len(locked), "the cache keeps them by file name"
    assert kafka_version(locked).startswith("4.")


def test_jars_come_from_the_mirror_once_and_then_from_the_cache(tmp_path: Path, jars: list[Jar], mirror: str) -> None:
    paths = fetch_jars(settings(tmp_path, mirror), jars=jars)
    assert [path.read_bytes()[:6] for path in paths] == [b"broker", b"storag"]
    assert fetch_jars(settings(tmp_path, NOWHERE), jars=jars) == paths
    assert {path.name for path in (tmp_path / "cache" / "jars").iterdir()} == {jar.filename for jar in jars}


def test_the_notice_says_what_is_missing_and_how_big(tmp_path: Path, jars: list[Jar], mirror: str) -> None:
    chosen = settings(tmp_path, mirror)
    notice = download_notice(chosen, jars)
    assert notice is not None
    assert "9.9.9: 2 files, 0.1 MB" in notice
    assert mirror in notice
    assert str(jar_dir(chosen)) in notice
    fetch_jars(chosen, jars=jars[:1])
    assert missing_jars(chosen, jars) == (jars[1],)
    fetch_jars(chosen, jars=jars)
    assert download_notice(chosen, jars) is None


def test_progress_ends_with_everything(tmp_path: Path, jars: list[Jar], mirror: str) -> None:
    told: list[tuple[int, int]] = []
    fetch_jars(settings(tmp_path, mirror), lambda done, total: told.append((done, total)), jars)
    total = sum(jar.size for jar in jars)
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_changed_jar_is_refused_and_not_kept(tmp_path: Path, jars: list[Jar], mirror: str) -> None:
    changed = next((tmp_path / "repo").rglob("storage-1.0.jar"))
    changed.write_bytes(changed.read_bytes().replace(b"s", b"x", 1))  # same size
    chosen = settings(tmp_path, mirror)
    with pytest.raises(UserError, match=r"storage-1\.0\.jar .* is not the locked file"):
        fetch_jars(chosen, jars=jars)
    assert missing_jars(chosen, [jars[1]]) == (jars[1],)


def test_a_damaged_jar_in_the_cache_is_fetched_again(tmp_path: Path, jars: list[Jar], mirror: str) -> None:
    chosen = settings(tmp_path, mirror)
    first = fetch_jars(chosen, jars=jars)[0]
    first.write_bytes(first.read_bytes()[:-1] + b"?")
    assert fetch_jars(chosen, jars=jars)[0].read_bytes() == b"broker" * 5000


def test_two_that_fetch_at_once_both_get_whole_jars(tmp_path: Path, jars: list[Jar], mirror: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: fetch_jars(settings(tmp_path, mirror), jars=jars), range(2)))
    assert both[0] == both[1]
    assert missing_jars(settings(tmp_path, mirror), jars) == ()


@pytest.mark.parametrize("missing", [False, True])
def test_jars_that_cannot_be_had_are_one_line_without_the_password(
    tmp_path: Path, jars: list[Jar], mirror: str, missing: bool
) -> None:
    wanted = [*jars, Jar("org.example:none:1.0", "0" * 64, 1)] if missing else jars
    address = (mirror if missing else NOWHERE).removeprefix("http://")
    with pytest.raises(UserError) as caught:
        fetch_jars(settings(tmp_path, f"http://me:s3cret@{address}"), jars=wanted)
    message = str(caught.value)
    assert "\n" not in message
    assert f"http://{address}" in message
    assert "s3cret" not in message
    assert "BATON_MAVEN_MIRROR" in message
    assert "BATON_CACHE" in message
    del caught
    gc.collect()  # a connection that was left open is said now, and fails this test and no other


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path, jars: list[Jar], mirror: str) -> None:
    (tmp_path / "file").write_text("")
    chosen = EmbeddedSettings(cache=tmp_path / "file", maven_mirror=mirror)
    with pytest.raises(UserError, match="BATON_CACHE"):
        fetch_jars(chosen, jars=jars)


MAVEN_SETTINGS = """<settings xmlns="http://maven.apache.org/SETTINGS/1.0.0"><mirrors>
<mirror><id>other</id><mirrorOf>internal-repo</mirrorOf><url>https://other.example.com</url></mirror>
<mirror><id>ours</id><mirrorOf>{of}</mirrorOf><url>https://maven.example.com/central/</url></mirror>
</mirrors></settings>"""


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ("central", "https://maven.example.com/central"),
        ("*", "https://maven.example.com/central"),
        ("external:*", "https://maven.example.com/central"),
        ("*, !central", ""),
        ("jcenter", ""),
    ],
)
def test_a_mirror_of_central_in_mavens_settings_is_honoured(tmp_path: Path, of: str, expected: str) -> None:
    (tmp_path / "settings.xml").write_text(MAVEN_SETTINGS.format(of=of))
    assert repository("", tmp_path) == expected


def test_the_variable_wins_over_mavens_settings(tmp_path: Path) -> None:
    (tmp_path / "settings.xml").write_text(MAVEN_SETTINGS.format(of="central"))
    assert repository("https://mine.example.com/m2/", tmp_path) == "https://mine.example.com/m2"


def test_a_mirror_that_is_no_url_is_a_named_error() -> None:
    with pytest.raises(UserError, match="BATON_MAVEN_MIRROR: not the URL"):
        repository("maven.example.com")


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BATON_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert load_embedded().cache_dir() == tmp_path / "home/.cache/baton"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert load_embedded().cache_dir() == tmp_path / "xdg/baton"
    monkeypatch.setenv("BATON_CACHE", str(tmp_path / "own"))
    assert load_embedded().cache_dir() == tmp_path / "own"


def test_a_heap_that_is_no_number_is_a_named_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_KAFKA_HEAP_MB", "lots")
    with pytest.raises(UserError, match="BATON_KAFKA_HEAP_MB"):
        load_embedded()
