"""Which Maven repository the jars come from: many companies reach none but their own."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from xml.etree import ElementTree

from services.runtime.errors import UserError


def repository(mirror: str, maven_home: Path | None = None) -> str:
    """The repository's base URL: `mirror` if set, else a mirror of central in Maven's settings.xml, else "" (central).

    `maven_home` is the directory with settings.xml, `~/.m2` by default. Raises `UserError` for a URL that is none.
    """
    if mirror:
        return _checked(mirror, "BATON_MAVEN_MIRROR")
    settings = (maven_home or Path.home() / ".m2") / "settings.xml"
    return _checked(found, str(settings)) if (found := _mirror_of_central(settings)) else ""


def without_secret(url: str) -> str:
    """The URL as it may be shown: no user, no password.

    >>> without_secret("https://me:secret@maven.example.com/repo")
    'https://maven.example.com/repo'
    """
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _checked(url: str, where: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise UserError(
            f"{where}: not the URL of a Maven repository: {without_secret(url)}",
            fix="give its base URL, like https://maven.example.com/central",
        )
    return url.rstrip("/")


def _mirror_of_central(settings: Path) -> str:
    try:
        root = ElementTree.parse(settings).getroot()  # noqa: S314 - the user's own file
    except (OSError, ElementTree.ParseError):
        return ""  # Maven itself would complain; a jar that can't be had is reported where it is fetched
    for mirror in root.iterfind("{*}mirrors/{*}mirror"):
        of = {part.strip() for part in (mirror.findtext("{*}mirrorOf") or "").split(",")}
        if "!central" not in of and of & {"central", "*", "external:*"}:
            return (mirror.findtext("{*}url") or "").strip()
    return ""
