"""The programs of the pages run as they stand, print what the pages say, and both of a pair send the same mail."""

import os
from pathlib import Path

import pytest

from harness.dovecot import USER
from harness.pki import Pki
from harness.postfix import Postfix
from harness.programs import Program, lacks, matches, programs, run
from harness.sink import Sink, read

PROGRAMS = programs()
LOCAL = [program for program in PROGRAMS if "mail.example.com" not in program.source]
LOGINS = [program for program in PROGRAMS if "mail.example.com" in program.source]
PAIRS = sorted({(p.page, p.section) for p in LOCAL if p.page.startswith("migration/")})


def at(sink: Sink, source: str) -> str:
    """The program with the server of the test."""
    for said, port in (("localhost:2525", sink.address), ('"localhost", 2525', f'"{sink.host}", {sink.port}')):
        source = source.replace(said, port)
    source = source.replace("'localhost', port: 2525", f"'{sink.host}', port: {sink.port}")
    return source.replace("'localhost', 2525", f"'{sink.host}', {sink.port}")


def sent(sink: Sink) -> list[object]:
    """What a person would see of the mails, apart from what differs from run to run; then they are forgotten."""
    mails = []
    for path in sink.kept():
        message = read(path)
        text = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
        mails.append((
            str(message["From"]), str(message["To"]), str(message["Cc"]), str(message["Subject"]),
            *(None if part is None else part.get_content().replace("\r\n", "\n") for part in text.values()),
            [(part.get_filename(), part.get_content()) for part in message.iter_attachments()],
        ))  # fmt: skip
        path.unlink()
    return sorted(mails, key=repr)


def ran_well(program: Program, source: str, folder: Path, **environment: str) -> None:
    """Runs it, and compares what it prints."""
    done = run(program.language, source, folder, **environment)
    assert done.returncode == 0, f"{program}\n{done.stdout}{done.stderr}"
    if program.output is not None:
        assert matches(done.stdout, program.output), f"{program}\n{done.stdout}"


@pytest.mark.parametrize("program", [p for p in LOCAL if not p.page.startswith("migration/")], ids=str)
def test_a_program_runs(program: Program, sink: Sink, tmp_path: Path) -> None:
    ran_well(program, at(sink, program.source), tmp_path / "program")


@pytest.mark.parametrize(("page", "section"), PAIRS)
def test_both_programs_of_a_pair_send_the_same(page: str, section: str, sink: Sink, tmp_path: Path) -> None:
    results = {}
    for place, program in enumerate(p for p in LOCAL if (p.page, p.section) == (page, section)):
        if lacks(program.source):
            continue
        ran_well(program, at(sink, program.source), tmp_path / f"program{place}")
        results[program.name] = sent(sink)
    assert any("freesmtp" in name for name in results)
    first, *others = results.values()
    assert all(other == first for other in others), results


@pytest.mark.parametrize("program", LOGINS, ids=str)
def test_a_login_over_tls(program: Program, postfix: Postfix, pki: Pki, tmp_path: Path) -> None:
    if missing := lacks(program.source):
        pytest.skip(missing)
    source = program.source.replace("mail.example.com", "localhost").replace("587", str(postfix.port("submission")))
    authority = str(pki.ca_file)
    ran_well(
        program,
        source,
        tmp_path / "program",
        MAIL_PASSWORD=USER.password,
        SSL_CERT_FILE=authority,
        NODE_EXTRA_CA_CERTS=authority,
    )


@pytest.mark.skipif("FREESMTP_REQUIRE_SERVERS" not in os.environ, reason="only the project's own machines have all")
def test_the_other_clients_are_here() -> None:
    assert not [program for program in PROGRAMS if lacks(program.source)]
