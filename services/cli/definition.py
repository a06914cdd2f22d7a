"""`baton definition`: what a good lead is, from a draft to what both teams signed, and what it was before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from baton_schemas.documents.definition import LeadDefinition
from baton_schemas.documents.signing import canonical_bytes, content_digest
from services.cli.definitions import exchange, topic, words
from services.cli.definitions.difference import changes
from services.cli.definitions.files import check as check_text
from services.cli.definitions.files import fields_beside, read_text, signers_beside, write_text
from services.cli.definitions.keyfile import DEFAULT, private_key
from services.cli.definitions.look_up import look_up
from services.cli.definitions.screen import facts, print_definition, print_versions, version_facts
from services.cli.definitions.text import sign as sign_text
from services.cli.home import cluster
from services.cli.terminal import JsonOption, out, run, say_json, warn
from services.runtime.agreement import remarks, standing
from services.runtime.clock import SystemClock
from services.runtime.documents import parse
from services.runtime.errors import UserError

app = typer.Typer(
    no_args_is_help=True,
    help="The lead definition: draft, proposed, active with both teams' signatures, retired.\n\n"
    "Example: baton definition check config/definition.yaml",
)
FILE = Path("config/definition.yaml")
REVIEW_AFTER = timedelta(days=182)
TO_DO, MISTAKES = 1, 2

FileArgument = Annotated[Path, typer.Argument(help="The definition's file.")]
RefArgument = typer.Argument(metavar="FILE|NAME[@VERSION]", help="A file; or the active version of that name on the "
                             "topic, or NAME@2, NAME@<digest>, NAME@proposed.")  # fmt: skip
SignersOption = Annotated[
    Path | None,
    typer.Option("--signers", help="Who may sign; default: signers.yaml beside the file, or the active list."),
]


@app.command()
def init(
    file: FileArgument = FILE,
    name: Annotated[str, typer.Option("--name", help="The definition's name; it stays the same for good.")] = "leads",
) -> None:
    """Write a commented starting point that passes `check` but for its signatures.

    Example: baton definition init config/definition.yaml --name b2b-saas
    """
    if file.exists():
        raise UserError(f"{file}: is there already", fix="name another file")
    template = (Path(__file__).parent / "definitions" / "template.yaml").read_text(encoding="utf-8")
    review_by = (datetime.fromtimestamp(SystemClock().now() / 1000, UTC) + REVIEW_AFTER).date()
    text = template.replace("@NAME@", name).replace("@REVIEW_BY@", str(review_by)).replace("THIS FILE", str(file))
    parse(LeadDefinition, text, str(file))  # a name that can't be one
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, text)
    out().print(f"{file}: written; next: baton definition check {file}", markup=False)


@app.command()
def check(file: FileArgument = FILE, signers: SignersOption = None, json: JsonOption = False) -> None:
    """Say everything that is wrong, with line, field and fix; and what is left to do.

    Exits with 2 for mistakes, with 1 when only something is left to do (a signature is missing, the review is overdue,
    a signer was removed), with 0 when it can be applied as it is.

    Example: baton definition check config/definition.yaml
    """
    text = read_text(file)
    found = check_text(text, str(file), signers_beside(file, signers), SystemClock().now(), fields_beside(file))
    if json:
        state = None if found.standing is None else words.file_state(found.standing)
        say_json({"valid": not found.problems, "state": state, "problems": found.problems, "warnings": found.warnings})
    elif found.problems:
        for line in found.problems:
            typer.echo(f"baton: {line}", err=True)
    elif found.definition is not None:
        said = "no mistake" if found.warnings else "no mistake, signed by both teams"
        out().print(f"{file}: {found.definition.name} version {found.definition.version}: {said}", markup=False)
    if not json:
        warn(found.warnings)
    if found.problems or found.warnings:
        raise typer.Exit(MISTAKES if found.problems else TO_DO)


@app.command()
def propose(
    file: FileArgument = FILE,
    by: Annotated[str | None, typer.Option("--by", help="Who proposes it, for the record.")] = None,
    signers: SignersOption = None,
    json: JsonOption = False,
) -> None:
    """Put a draft beside the active set, for the other team to look at and sign. Nothing is judged by it.

    Example: baton definition propose config/definition.yaml --by "Maren Holt"
    """
    text = read_text(file)
    found = check_text(text, str(file), signers_beside(file, signers), SystemClock().now(), fields_beside(file))
    if found.problems:
        raise UserError("\n".join(found.problems))
    with cluster() as settings:
        version = run(exchange.propose(settings, text, by, str(file)))
    if json:
        say_json({"name": version.name, "version": version.number, "digest": version.digest, "ref": version.ref})
        return
    out().print(f"{version.name} version {version.number} is proposed as {version.ref}", markup=False)
    out().print(f"to look at: baton definition show {version.ref}", markup=False)
    out().print(f"to sign:    baton definition sign --proposed {version.ref}", markup=False)


@app.command()
def sign(
    file: Annotated[Path | None, typer.Argument(help=f"The definition's file; default: {FILE}.")] = None,
    proposed: Annotated[
        str | None, typer.Option("--proposed", metavar="NAME[@DIGEST]", help="Sign a proposal instead of a file.")
    ] = None,
    key: Annotated[Path, typer.Option("--key", help="Your OpenSSH private key (Ed25519).")] = DEFAULT,
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", help="A file with the key's passphrase; else it is asked for.")
    ] = None,
    signature: Annotated[
        Path | None, typer.Option("--signature", help="A signature that ssh-keygen made, as with a key in an agent.")
    ] = None,
    signers: SignersOption = None,
    json: JsonOption = False,
) -> None:
    """Say your team's yes to exactly this content, with the key that you have anyway.

    Who you are follows from the key: the list of signers names its holder and his team. A key in an agent or on another
    machine signs the bytes that `show --canonical` prints:
    `ssh-keygen -Y sign -n baton-definition@v1 -f KEY FILE`, then `--signature FILE.sig`.

    Example: baton definition sign config/definition.yaml

    Example: baton definition sign --proposed b2b-saas --key ~/.ssh/id_ed25519
    """
    if file is not None and proposed is not None:
        raise UserError("a file and --proposed", fix="name one of them")
    signing = private_key(key, passphrase_file) if signature is None else read_text(signature)
    if proposed is not None:
        with cluster() as settings:
            version, listed = run(exchange.sign_proposal(settings, proposed, signing, signers))
        where, text = version.ref, version.text
    else:
        target = file or FILE
        found = signers_beside(target, signers)
        if found is None:
            fix = "write signers.yaml beside it, or name the list: --signers"
            raise UserError(f"{target}: no list of who may sign", fix=fix)
        where, text, listed, at = str(target), read_text(target), found, SystemClock().now()
        text, _ = sign_text(text, signing, listed, at=at, where=where)
        write_text(target, text)
    definition = parse(LeadDefinition, text, where)
    how = standing(definition, listed)
    state = words.file_state(how)
    if json:
        say_json(facts(definition, state, how, []))
        return
    out().print(f"{where}: {definition.name} version {definition.version}, {state}", markup=False)
    for line in words.signatures(how):
        out().print(f"  {line}", markup=False)


@app.command()
def show(
    ref: Annotated[str, RefArgument] = str(FILE),
    signers: SignersOption = None,
    yaml: Annotated[bool, typer.Option("--yaml", help="The document itself, to put into a file.")] = False,
    canonical: Annotated[bool, typer.Option("--canonical", help="The bytes that a signature is for.")] = False,
    json: JsonOption = False,
) -> None:
    """Show a definition in words: criteria with their points, thresholds, who signed, when it is looked at again.

    Example: baton definition show b2b-saas@proposed
    """
    found = look_up(ref, signers)
    definition = parse(LeadDefinition, found.text, found.where)
    if yaml:
        typer.echo(found.text, nl=False)
        return
    if canonical:
        typer.echo(canonical_bytes(definition), nl=False)
        return
    how = None if found.signers is None else standing(definition, found.signers)
    said = [] if how is None else list(remarks(definition, how.approvals, found.now))
    state = found.state or ("draft" if how is None else words.file_state(how))
    if json:
        say_json(facts(definition, state, how, said))
        return
    print_definition(definition, state, how)
    warn(said)


@app.command()
def diff(
    old: Annotated[str, RefArgument],
    new: Annotated[str, RefArgument] = str(FILE),
    json: JsonOption = False,
) -> None:
    """Say what changed from one version to another, criterion by criterion, in words and in points.

    Example: baton definition diff b2b-saas config/definition.yaml
    """
    before, after = look_up(old, None), look_up(new, None)
    one, other = (parse(LeadDefinition, each.text, each.where) for each in (before, after))
    found = changes(one, other)
    if json:
        say_json({"old": content_digest(one), "new": content_digest(other), "changes": found})
        return
    if not found:
        out().print("the same content; layout, comments and signatures are nobody's points")
    for each in found:
        out().print(each.words, markup=False)


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="Whose; default: all definitions.")] = None,
    json: JsonOption = False,
) -> None:
    """List the versions on the topic: proposed, active, and the latest of those that are retired.

    Example: baton definition history b2b-saas
    """
    with cluster() as settings:
        found = topic.versions(run(exchange.table_of(settings)), name)
    if not found:
        raise UserError(f"{name or 'definitions'}: none on the topic", fix="propose one, or apply a folder with one")
    if json:
        say_json([version_facts(each) for each in found])
        return
    print_versions(found)
