"""Signatures are OpenSSH's own: ssh-keygen accepts ours, we accept ssh-keygen's, and no altered letter passes."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.errors import UserError
from services.runtime.sshsig import NotValidError, load_private_key, public_blob, public_line, read, sign, verify

NAMESPACE = "baton-definition@v1"
MESSAGE = b'{"name":"b2b"}'
KEY = Ed25519PrivateKey.generate()
ARMORED = sign(KEY, NAMESPACE, MESSAGE)
LINES = ARMORED.splitlines()
PACKED = b64decode("".join(LINES[1:-1]))

KEYGEN = shutil.which("ssh-keygen") or ""
with_keygen = pytest.mark.skipif(not KEYGEN, reason="no ssh-keygen on this machine: nobody to compare with")


def keygen(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([KEYGEN, *arguments], input=given, capture_output=True, check=False, timeout=60)


def armored(packed: bytes) -> str:
    return f"{LINES[0]}\n{b64encode(packed).decode()}\n{LINES[-1]}\n"


def no_passphrase() -> bytes:
    raise AssertionError("nobody asked for one")


@with_keygen
def test_ssh_keygen_verifies_what_we_sign(tmp_path: Path) -> None:
    (tmp_path / "allowed").write_text(f"maren {public_line(KEY)}\n")
    (tmp_path / "signature").write_text(ARMORED)
    asked = ["-f", str(tmp_path / "allowed"), "-I", "maren", "-s", str(tmp_path / "signature")]
    verified = keygen("-Y", "verify", "-n", NAMESPACE, *asked, given=MESSAGE)
    assert verified.returncode == 0, verified.stderr
    assert keygen("-Y", "verify", "-n", NAMESPACE, *asked, given=MESSAGE + b" ").returncode != 0
    assert keygen("-Y", "verify", "-n", "file", *asked, given=MESSAGE).returncode != 0


@with_keygen
@pytest.mark.parametrize("hashed_by", ["sha512", "sha256"])
def test_we_verify_what_ssh_keygen_signs(tmp_path: Path, hashed_by: str) -> None:
    key, file = tmp_path / "key", tmp_path / "message"
    file.write_bytes(MESSAGE)
    assert keygen("-q", "-t", "ed25519", "-N", "", "-f", str(key)).returncode == 0
    signed = keygen("-Y", "sign", "-n", NAMESPACE, "-O", f"hashalg={hashed_by}", "-f", str(key), str(file))
    assert signed.returncode == 0, signed.stderr
    ours = load_private_key(key.read_bytes(), "key", no_passphrase)
    verify((tmp_path / "message.sig").read_text(), NAMESPACE, MESSAGE, public_blob(ours))
    assert public_line(ours) in key.with_suffix(".pub").read_text()


@with_keygen
def test_a_key_that_is_protected_by_a_passphrase_is_read_with_it(tmp_path: Path) -> None:
    key = tmp_path / "key"
    assert keygen("-q", "-t", "ed25519", "-N", "open sesame", "-f", str(key)).returncode == 0
    ours = load_private_key(key.read_bytes(), "key", lambda: b"open sesame")
    assert public_line(ours) in key.with_suffix(".pub").read_text()
    with pytest.raises(UserError, match="wrong passphrase"):
        load_private_key(key.read_bytes(), "key", lambda: b"sesame")
    with pytest.raises(UserError, match="name the private key beside it"):
        load_private_key(key.with_suffix(".pub").read_bytes(), "key", no_passphrase)


@with_keygen
def test_another_kind_of_key_is_refused_by_name(tmp_path: Path) -> None:
    key = tmp_path / "key"
    assert keygen("-q", "-t", "ecdsa", "-N", "", "-f", str(key)).returncode == 0
    with pytest.raises(UserError, match="ssh-keygen -t ed25519"):
        load_private_key(key.read_bytes(), "key", no_passphrase)
    with pytest.raises(UserError, match="not an OpenSSH private key"):
        load_private_key(b"anything", "key", no_passphrase)
    (tmp_path / "message").write_bytes(MESSAGE)
    keygen("-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(tmp_path / "message"))
    with pytest.raises(NotValidError, match="not made with an Ed25519 key"):
        read((tmp_path / "message.sig").read_text())


def test_a_signature_is_for_one_message_one_key_and_one_purpose() -> None:
    verify(ARMORED, NAMESPACE, MESSAGE, public_blob(KEY))
    with pytest.raises(NotValidError, match="does not fit"):
        verify(ARMORED, NAMESPACE, MESSAGE + b" ", public_blob(KEY))
    with pytest.raises(NotValidError, match="another key"):
        verify(ARMORED, NAMESPACE, MESSAGE, public_blob(Ed25519PrivateKey.generate()))
    with pytest.raises(NotValidError, match="something else"):
        verify(sign(KEY, "file", MESSAGE), NAMESPACE, MESSAGE, public_blob(KEY))


@given(at=st.integers(0, len(PACKED) - 1), bit=st.integers(0, 7))
def test_any_altered_bit_of_a_signature_is_refused(at: int, bit: int) -> None:
    altered = bytearray(PACKED)
    altered[at] ^= 1 << bit
    with pytest.raises(NotValidError):
        verify(armored(bytes(altered)), NAMESPACE, MESSAGE, public_blob(KEY))


@given(at=st.integers(0, len(ARMORED.strip()) - 1), letter=st.characters(exclude_categories=["Z", "C"]))
def test_any_altered_letter_of_a_signature_is_refused(at: int, letter: str) -> None:
    altered = ARMORED[:at] + letter + ARMORED[at + 1 :]
    if altered.split() == ARMORED.split():
        return
    with pytest.raises(NotValidError):
        verify(altered, NAMESPACE, MESSAGE, public_blob(KEY))


CUT = st.integers(0, len(PACKED) - 1).map(lambda size: armored(PACKED[:size]))


@given(st.one_of(st.binary(max_size=300).map(armored), st.text(max_size=200), CUT))
def test_garbage_is_refused_and_never_a_bug(text: str) -> None:
    with pytest.raises(NotValidError):
        read(text)


def test_line_breaks_are_free_and_two_spellings_of_the_same_bytes_are_not() -> None:
    verify(armored(PACKED), NAMESPACE, MESSAGE, public_blob(KEY))
    with pytest.raises(NotValidError, match="damaged"):
        read(armored(PACKED + b"x"))
    packed = b64decode("".join(sign(KEY, "files", MESSAGE).splitlines()[1:-1]))
    text = b64encode(packed).decode()
    assert text.endswith("="), "its last letter has bits that say nothing"
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = len(text.rstrip("=")) - 1
    other = text[:last] + letters[letters.index(text[last]) + 1] + text[last + 1 :]
    assert b64decode(other) == packed
    with pytest.raises(NotValidError, match="damaged"):
        read(f"{LINES[0]}\n{other}\n{LINES[-1]}")
