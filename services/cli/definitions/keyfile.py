"""The private key with which somebody signs: read from where OpenSSH keeps it, asked for its passphrase, never kept."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.runtime.errors import UserError
from services.runtime.sshsig import load_private_key

DEFAULT = Path("~/.ssh/id_ed25519")


def private_key(path: Path, passphrase_file: Path | None) -> Ed25519PrivateKey:
    """The key in `path`. Its passphrase is the first line of a file, or asked for on a terminal. Raises UserError."""

    def passphrase() -> bytes:
        if passphrase_file is not None:
            return _read(passphrase_file, "--passphrase-file").split(b"\n", 1)[0].rstrip(b"\r")
        if not sys.stdin.isatty():
            fix = "name a file that holds it: --passphrase-file; or run this on a terminal, which asks for it"
            raise UserError(f"{path}: is protected by a passphrase", fix=fix)
        return getpass.getpass(f"Passphrase of {path}: ").encode()

    return load_private_key(_read(path.expanduser(), "--key"), str(path), passphrase)


def _read(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{option}: {path}: can't be read: {error.strerror}", fix="name another file") from None
