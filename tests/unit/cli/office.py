"""An office for tests of `baton definition`: a definition, who may sign it, and the keys of three people."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from typer.testing import CliRunner, Result

from services.cli.main import app
from services.runtime.sshsig import public_line

RUNNER = CliRunner()


def baton(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, ["definition", *map(str, arguments)])


class Office:
    """A folder with a definition, the list of who may sign it, and the keys of three people."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "definition.yaml"
        self.signers = folder / "signers.yaml"
        self.keys: dict[str, Path] = {}
        self.lines: dict[str, str] = {}
        for name in ("Mia", "Sam", "Eve"):
            key = Ed25519PrivateKey.generate()
            encryption = BestAvailableEncryption(b"open sesame") if name == "Sam" else NoEncryption()
            self.keys[name] = folder / name
            self.keys[name].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption))
            self.lines[name] = public_line(key)
        (folder / "passphrase").write_text("open sesame\n")
        self.passphrase = folder / "passphrase"
        self.list()
        assert baton("init", self.file, "--name", "small").exit_code == 0

    def list(self, until: str = "") -> None:
        self.signers.write_text(
            f'marketing: [{{name: Mia, title: CMO, key: "{self.lines["Mia"]}"{until}}}]\n'
            f'sales: [{{name: Sam, key: "{self.lines["Sam"]}"}}]\n'
        )

    def edit(self, before: str, after: str) -> None:
        text = self.file.read_text()
        assert before in text
        self.file.write_text(text.replace(before, after, 1))

    def sign(self) -> None:
        assert baton("sign", self.file, "--key", self.keys["Mia"]).exit_code == 0
        signed = baton("sign", self.file, "--key", self.keys["Sam"], "--passphrase-file", self.passphrase)
        assert signed.exit_code == 0, signed.output
