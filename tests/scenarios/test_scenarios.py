"""Every scenario file, through every language, with the replies whole, line by line and byte by byte."""

from pathlib import Path

import pytest

from harness import driver, scenario
from harness.pki import Pki
from harness.scripted import Violation

FOLDER = Path(__file__).parent
SCENARIOS = {path.stem: scenario.read(path) for path in sorted(FOLDER.glob("*.scn"))}
CASES = [(name, split) for name, read in SCENARIOS.items() for split in read.splits]


@pytest.mark.parametrize(("name", "split"), CASES, ids=[f"{name}-{split}" for name, split in CASES])
def test_scenario(name: str, split: str, language: str, serve, pki: Pki, log_file: Path) -> None:
    read = SCENARIOS[name]
    server = serve(*read.scripts, split=split)
    variables = {"host": server.host, "port": str(server.port), "log": str(log_file), "ca": str(pki.ca_file)}
    answers = driver.run(language, read.make_job(variables))
    wrong = []
    try:
        server.finish()
    except Violation as violation:
        wrong.append(str(violation))
    log = log_file.read_text(encoding="utf-8", errors="replace") if log_file.exists() else ""
    wrong += read.complaints(answers, server, log, variables)
    assert not wrong, "\n".join([*wrong, "", "answers:", *map(str, answers), "", "log:", log])
