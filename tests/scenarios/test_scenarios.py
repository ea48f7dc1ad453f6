"""Every scenario file, through every language, with the replies whole, line by line and byte by byte."""

from pathlib import Path

import pytest

from harness import scenario
from harness.pki import Pki
from harness.running import RunningDriver
from harness.scenario import Scenario
from harness.scripted import Violation

FOLDER = Path(__file__).parent
MESSAGE = (
    b'From: Joe <joe@a.test>\nTo: b@c.test, "D, E" <d@e.test>\nBcc: f@g.test,\n h@i.test\n'
    b"X-Own:  kept\n as it is\n\nText\n.\n..\nend\n"
)
FILES = sorted(FOLDER.glob("*.scn"))
CASES = [(case, split) for file in FILES for case in scenario.read_cases(file) for split in case.splits]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all cases: thousands of folders would take longer to make and remove than the cases take."""
    folder = tmp_path_factory.mktemp("scenarios")
    # More than sockets and buffers hold, so that the server can act while the message is on its way.
    (folder / "big.bin").write_bytes(bytes(4 << 20))
    (folder / "message.eml").write_bytes(MESSAGE)
    return folder


@pytest.mark.parametrize(("case", "split"), CASES, ids=[f"{case.name}-{split}" for case, split in CASES])
def test_scenario(
    case: Scenario, split: str, running: RunningDriver, serve, pki: Pki, closed_port: int, folder: Path
) -> None:
    if running.language not in case.languages:
        pytest.skip("its driver does not know all keys of the job yet")
    server = serve(*case.scripts, split=split)
    log_file = folder / "smtp log.txt"
    log_file.unlink(missing_ok=True)
    variables = {
        "host": server.host,
        "port": str(server.port),
        "closed": str(closed_port),
        "log": str(log_file),
        "ca": str(pki.ca_file),
        "big": str(folder / "big.bin"),
        "message": str(folder / "message.eml"),
    }
    answers = running.run(case.make_job(variables))
    wrong = []
    try:
        server.finish()
    except Violation as violation:
        wrong.append(str(violation))
    log = log_file.read_text(encoding="utf-8", errors="replace") if log_file.exists() else ""
    wrong += case.complaints(answers, server, log, variables)
    assert not wrong, "\n".join([*wrong, "", "answers:", *map(str, answers), "", "log:", log])


def test_there_are_enough() -> None:
    """What was asked for: at least 120 files; a file that is lost by accident is noticed here."""
    assert len(FILES) >= 120
    assert len({case.name for case, _ in CASES}) >= len(FILES)
