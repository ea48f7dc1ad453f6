"""The C and C++ libraries: examples, memory, signals, install."""

import base64
import contextlib
import email
import email.policy
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness import driver
from harness.driver import ROOT, Job
from harness.pki import Pki
from harness.scripted import Close, Hear, Message, Say, Silence, Step, Tls

HERE = Path(__file__).parent
LIBRARY = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / os.environ.get("FREESMTP_PROFILE", "debug")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-g"]
# `make sanitize`: library and programs are built with AddressSanitizer, which stands in for valgrind then; and once
# more with ThreadSanitizer, for `test_threads` alone.
SANITIZED = os.environ.get("FREESMTP_SANITIZE")
SANITIZER = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"] if SANITIZED == "address" else []
C = ["cc", "-std=c11", *STRICT, *SANITIZER]
CXX = ["c++", "-std=c++17", *STRICT, *SANITIZER]
# Errors for what is lost for certain; what OpenSSL keeps for the whole process is still reachable and no leak.
VALGRIND = [
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite,indirect",
] * (SANITIZED is None)
# The C++ header is plain C++ over the same functions: for it, the tests of its API and of TLS are enough.
MEMCHECK = {"c": VALGRIND, "cpp": []}
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def run(command: Sequence[object], **settings: object) -> subprocess.CompletedProcess[str]:
    """Runs a command that must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **settings)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}\nexit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def name_the_library() -> None:
    """Programs ask for the SONAME, and cargo makes only the plain name."""
    soname = LIBRARY / "libfreesmtp.so.0"
    if not soname.exists():
        soname.symlink_to("libfreesmtp.so")


def build(program: Path, *sources: Path) -> Path:
    """A program over the library that cargo built."""
    name_the_library()
    compiler = CXX if sources[0].suffix == ".cpp" else C
    run(
        [
            *compiler,
            f"-I{ROOT / 'include'}",
            *sources,
            "-o",
            program,
            f"-L{LIBRARY}",
            "-lfreesmtp",
            f"-Wl,-rpath,{LIBRARY}",
        ]
    )
    return program


def dialogue(
    recipients: int = 1, *, end: Sequence[Step] = (Message(), Say(b"250 2.0.0 queued as 1\r\n"))
) -> list[Step]:
    """A transaction with any EHLO name and addresses."""
    steps: list[Step] = [Say(b"220 mail.test ESMTP\r\n"), Hear("EHLO .*", pattern=True), Say(b"250 mail.test\r\n")]
    steps += [Hear("MAIL FROM:.*", pattern=True), Say(b"250 ok\r\n")]
    for _ in range(recipients):
        steps += [Hear("RCPT TO:.*", pattern=True), Say(b"250 ok\r\n")]
    return [*steps, Hear("DATA"), Say(b"354 go\r\n"), *end]


REFUSING: list[Step] = [
    *dialogue(0)[:5],
    Hear("RCPT TO:.*", pattern=True),
    Say(b"554 5.7.1 <recipient@foreign.example>: Relay access denied\r\n"),
]


@pytest.fixture(params=["c", "cpp"])
def suffix(request: pytest.FixtureRequest) -> str:
    """Each of the two languages."""
    return str(request.param)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of loopback where nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def example(tmp_path: Path, suffix: str, name: str) -> Path:
    return build(tmp_path / name, ROOT / "examples" / suffix / f"{name}.{suffix}")


def test_send(tmp_path: Path, suffix: str, serve, log_file: Path) -> None:
    server = serve(dialogue())
    program = example(tmp_path, suffix, "send")
    done = run([*MEMCHECK[suffix], program, f"127.0.0.1:{server.port}", log_file], cwd=tmp_path)
    server.finish()
    assert "2.0.0 queued as 1" in done.stdout
    assert "EHLO" in log_file.read_text()
    assert (
        email.message_from_bytes(server.messages[0], policy=email.policy.default)["To"] == "Zoë <recipient@example.org>"
    )


def test_the_line_of_the_original_documentation(tmp_path: Path, serve) -> None:
    source = (ROOT / "examples/cpp/send.cpp").read_text()
    assert r'smtp.LogFile="c:\\smtp log.txt";' in source
    server = serve(dialogue())
    run([example(tmp_path, "cpp", "send"), f"127.0.0.1:{server.port}"], cwd=tmp_path)
    server.finish()
    assert "EHLO" in (tmp_path / r"c:\smtp log.txt").read_text()


def test_attachments(tmp_path: Path, suffix: str, serve) -> None:
    report, image = tmp_path / "a report.pdf", tmp_path / "logo.png"
    report.write_bytes(b"%PDF-1.7\r\n" + bytes(range(256)) * 300)
    image.write_bytes(IMAGE)
    server = serve(dialogue(2))
    run([*MEMCHECK[suffix], example(tmp_path, suffix, "attachments"), f"127.0.0.1:{server.port}", report, image])
    server.finish()
    message = email.message_from_bytes(server.messages[0], policy=email.policy.default)
    parts = {part.get_filename(): part for part in message.walk() if part.get_filename()}
    assert parts["a report.pdf"].get_payload(decode=True) == report.read_bytes()
    assert parts["may.csv"].get_payload(decode=True) == b"month;sold\nmay;42\n"
    assert parts["logo.png"].get_payload(decode=True) == IMAGE
    assert parts["logo.png"]["Content-ID"] == "<logo>"
    assert "Bcc" not in message


def test_errors(tmp_path: Path, suffix: str, serve) -> None:
    server = serve(REFUSING)
    done = run([*MEMCHECK[suffix], example(tmp_path, suffix, "errors"), f"127.0.0.1:{server.port}"])
    server.finish()
    assert "no recipient was accepted" in done.stdout
    assert "recipient@foreign.example: refused, 554 5.7.1" in done.stdout
    assert done.stdout.count("relay-denied") == 2
    assert "who must act: " in done.stdout


def queued(number: int) -> list[Step]:
    """A transaction that is taken, on a connection that is there."""
    return dialogue(end=[Message(), Say(b"250 2.0.0 queued as %d\r\n" % number)])[3:]


# The first and the third of three messages are taken.
TWO_OF_THREE: list[Step] = [
    *dialogue(end=[])[:3],
    *queued(1),
    *REFUSING[3:],
    Hear("RSET", optional=True),
    Say(b"250 ok\r\n", conditional=True),
    *queued(3),
]


def test_bulk(tmp_path: Path, suffix: str, serve) -> None:
    server = serve([*dialogue(0)[:3], *(step for number in range(1, 6) for step in queued(number))])
    done = run([*MEMCHECK[suffix], example(tmp_path, suffix, "bulk"), f"127.0.0.1:{server.port}", 5])
    server.finish()
    expected = [f"{number}: 2.0.0 queued as {number + 1}" for number in range(5)]
    assert done.stdout.splitlines() == [*expected, "0 of 5 failed"]
    assert b"To: reader4@example.org" in server.messages[4]


def test_errors_without_a_server(tmp_path: Path, suffix: str, closed_port: int) -> None:
    done = run([*MEMCHECK[suffix], example(tmp_path, suffix, "errors"), f"127.0.0.1:{closed_port}"])
    assert "connect at CONNECT" in done.stdout
    assert "the same call may succeed later" in done.stdout


def test_c_api(tmp_path: Path) -> None:
    run([*VALGRIND, build(tmp_path / "api", HERE / "api.c")])


def test_c_message(tmp_path: Path) -> None:
    run([*VALGRIND, build(tmp_path / "message", HERE / "message.c"), tmp_path / "raw.eml"])


def test_c_getters(tmp_path: Path) -> None:
    run([*VALGRIND, build(tmp_path / "getters", HERE / "getters.c")])


def test_cpp_api(tmp_path: Path, serve, closed_port: int) -> None:
    # The second connection is the cancelled one: it must find a server that waits, however late the cancel comes.
    server = serve([Say(b"220 mail.test\r\n")], [Silence()])
    program = build(tmp_path / "api", HERE / "api.cpp")
    folder = tmp_path / "files"
    folder.mkdir()
    run([*VALGRIND, program, folder, f"127.0.0.1:{server.port}", f"127.0.0.1:{closed_port}"])


@pytest.mark.parametrize(("suffix", "failures", "messages"), [("c", 4, 1), ("cpp", 3, 2)])
def test_token_callbacks(tmp_path: Path, suffix: str, failures: int, messages: int, serve) -> None:
    offer: list[Step] = [
        Say(b"220 mail.test ESMTP\r\n"),
        Hear("EHLO .*", pattern=True),
        Say(b"250-mail.test\r\n250 AUTH XOAUTH2\r\n"),
    ]
    login = base64.b64encode(b"user=user\1auth=Bearer t0ken\1\1").decode()
    accepted = [*offer, Hear(f"AUTH XOAUTH2 {login}"), Say(b"235 ok\r\n"), *dialogue()[3:] * messages]
    server = serve(*[offer] * failures, accepted)
    program = build(tmp_path / "token", HERE / f"token.{suffix}")
    run([*VALGRIND, program, f"127.0.0.1:{server.port}"])
    server.finish()


def test_bulk_callbacks(tmp_path: Path, suffix: str, serve) -> None:
    start = dialogue(0)[:3]
    stopped: list[Step] = [*start, *queued(1), Silence()]
    if suffix == "c":
        scripts = [[*start, *queued(0), *TWO_OF_THREE[3:]], stopped]
    else:
        scripts = [TWO_OF_THREE, stopped, stopped, dialogue(), [*start, *queued(1), *queued(2)]]
    server = serve(*scripts)
    run([*VALGRIND, build(tmp_path / "bulk", HERE / f"bulk.{suffix}"), f"127.0.0.1:{server.port}"])
    server.finish()


def test_bulk_merge(tmp_path: Path, serve) -> None:
    queue = (step for number in range(1, 5) for step in queued(number))
    server = serve([*dialogue(0)[:3], *queue])
    spool = tmp_path / "spool"
    run([*VALGRIND, build(tmp_path / "merge", HERE / "merge.c"), f"127.0.0.1:{server.port}", spool])
    server.finish()
    spooled = b"".join(path.read_bytes() for path in (spool / "incoming").iterdir())
    assert (spooled.count(b"Subject: News for"), spooled.count(b"zoe@b.test")) == (2, 4)
    subjects = [
        email.message_from_bytes(message, policy=email.policy.default)["Subject"] for message in server.messages
    ]
    assert subjects == ["News for Zoë", "News for Ada", "News for Zoë", "News for Zoë"]


def test_events_of_sending(tmp_path: Path, suffix: str, serve) -> None:
    one_refused: list[Step] = [
        *dialogue(0)[:5],
        Hear("RCPT TO:<foreign@e.test>"),
        Say(b"550 5.1.1 no such user\r\n"),
        *dialogue()[5:],
    ]
    server = serve([*one_refused, *TWO_OF_THREE[3:]])
    program = build(tmp_path / "observers", HERE / f"observers.{suffix}")
    run([*VALGRIND, program, f"127.0.0.1:{server.port}", *([tmp_path / "spool"] if suffix == "cpp" else [])])
    server.finish()


def test_threads(tmp_path: Path) -> None:
    if SANITIZED == "thread":
        name_the_library()
        # Rust's own runtime has to be linked: that of gcc lacks some of its functions.
        objects, program = tmp_path / "threads.o", tmp_path / "threads"
        runtime = os.environ["FREESMTP_TSAN_RUNTIME"]
        run([*C, "-fsanitize=thread", f"-I{ROOT / 'include'}", "-c", HERE / "threads.c", "-o", objects])
        whole = ["-Wl,--whole-archive", runtime, "-Wl,--no-whole-archive"]
        library = [f"-L{LIBRARY}", "-lfreesmtp", f"-Wl,-rpath,{LIBRARY}"]
        run(["cc", "-rdynamic", objects, *whole, "-o", program, *library, "-ldl", "-lpthread", "-lm", "-lrt"])
    else:
        program = build(tmp_path / "threads", HERE / "threads.c")
    environment = {**os.environ, "TSAN_OPTIONS": f"suppressions={HERE / 'thread-sanitizer.txt'}"}
    sink = [sys.executable, str(ROOT / "tests/python/sink.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(sink, text=True, **pipes) as server:
        assert server.stdout is not None
        run([program, f"127.0.0.1:{server.stdout.readline().strip()}"], env=environment)


@pytest.mark.parametrize(
    ("line", "steps", "kind"),
    [("EHLO", 2, 700), ("MAIL", 4, 700), ("RCPT", 6, 700), ("DATA", 8, 700), ("Message sent.", 10, 402)],
)
def test_a_cancel_in_each_phase(tmp_path: Path, line: str, steps: int, kind: int, serve) -> None:
    server = serve([*dialogue()[:steps], Silence()], dialogue(), dialogue())
    program = build(tmp_path / "cancel", HERE / "cancel.c")
    run([*VALGRIND, program, f"127.0.0.1:{server.port}", line, kind])


def test_a_wait_is_cancelled(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent.sock"))
        agent.listen()

        def listen() -> None:
            """Answers the first, who asks for events and may be gone by then; the others wait."""
            client, _ = agent.accept()
            with client, contextlib.suppress(OSError):
                client.recv(1000)
                client.sendall(b'{"v":1,"ok":true,"more":true,"answer":{"event":"listening"}}\n')
                client.recv(1000)

        listening = threading.Thread(target=listen)
        listening.start()
        run([*VALGRIND, build(tmp_path / "waiting", HERE / "waiting.cpp"), tmp_path])
        listening.join()


def test_spool(tmp_path: Path, suffix: str) -> None:
    program = build(tmp_path / "program", HERE / f"spool.{suffix}")
    told = run([*VALGRIND, program, tmp_path / "spool"]).stdout.split()
    segments = list((tmp_path / "spool" / "incoming").iterdir())
    assert len(segments) == 1
    # An id stands in its record with the most significant octet first.
    digits = {c: n for n, c in enumerate("0123456789ABCDEFGHJKMNPQRSTVWXYZ")}
    written = segments[0].read_bytes()
    for id_ in told:
        number = 0
        for c in id_:
            number = number * 32 + digits[c]
        assert number.to_bytes(16, "big") in written
    assert len(told) == 3


def test_header_in_two_files(tmp_path: Path) -> None:
    run([build(tmp_path / "two", HERE / "two_files_a.cpp", HERE / "two_files_b.cpp")])


@pytest.mark.skipif(SANITIZED is not None, reason="the drivers are built without")
def test_tls_leaks_nothing(suffix: str, serve, pki: Pki) -> None:
    steps = dialogue()
    starttls: list[Step] = [Say(b"250-mail.test\r\n250 STARTTLS\r\n"), Hear("STARTTLS"), Say(b"220 go\r\n"), Tls()]
    server = serve([*steps[:2], *starttls, *steps[1:]])
    # Under valgrind the trust store alone takes longer than the usual timeout.
    settings = {"security": "required", "cafile": pki.ca_file, "timeout": 200}
    job = Job().server("127.0.0.1", server.port, **settings).message("a@b.test").send()
    answer = driver.run_one(suffix, job, timeout=300, prefix=VALGRIND)
    assert answer["ok"], answer
    server.finish()


@pytest.mark.parametrize("reset", [True, False])
def test_a_broken_pipe_is_an_error_and_no_signal(tmp_path: Path, reset: bool, serve) -> None:
    server = serve(dialogue(end=[Close(reset=reset)]))
    done = run([build(tmp_path / "sigpipe", HERE / "sigpipe.c"), f"127.0.0.1:{server.port}"])
    assert done.stdout.strip() == "connect"


@pytest.fixture(scope="session")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("prefix")
    run(["make", "-f", "ffi-c/install.mk", "install", f"PREFIX={folder}", f"FREESMTP_LIB={LIBRARY}"], cwd=ROOT)
    return folder


def test_pkg_config(prefix: Path, tmp_path: Path, suffix: str, serve) -> None:
    environment = {
        **os.environ,
        "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig"),
        "LD_LIBRARY_PATH": str(prefix / "lib"),
    }
    flags = run(["pkg-config", "--cflags", "--libs", "freesmtp"], env=environment).stdout.split()
    program = tmp_path / "send"
    compiler = CXX if suffix == "cpp" else C
    run([*compiler, ROOT / "examples" / suffix / f"send.{suffix}", "-o", program, *flags])
    linked = run(["ldd", program], env=environment).stdout
    assert f"libfreesmtp.so.0 => {prefix}/lib/libfreesmtp.so.0" in linked
    server = serve(dialogue())
    run([program, f"127.0.0.1:{server.port}"], env=environment, cwd=tmp_path)
    server.finish()
    version = run(["pkg-config", "--modversion", "freesmtp"], env=environment).stdout.strip()
    assert f'version = "{version}"' in (ROOT / "Cargo.toml").read_text()


@pytest.mark.skipif(SANITIZED is not None, reason="CMake builds as a user does, without")
def test_cmake(prefix: Path, tmp_path: Path, serve) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    run(["cmake", "-S", HERE, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DEXAMPLES={ROOT / 'examples'}"])
    run(["cmake", "--build", tmp_path])
    for name in ("c-send", "cpp-send", "c-send-static"):
        server = serve(dialogue())
        run([tmp_path / name, f"127.0.0.1:{server.port}"], cwd=tmp_path)
        server.finish()


def test_destdir_is_only_a_prefix_of_files(tmp_path: Path) -> None:
    run(
        [
            "make",
            "-f",
            "ffi-c/install.mk",
            "install",
            "PREFIX=/opt/mail",
            "LIBDIR=/opt/mail/lib/x",
            f"DESTDIR={tmp_path}",
            f"FREESMTP_LIB={LIBRARY}",
        ],
        cwd=ROOT,
    )
    libraries = tmp_path / "opt/mail/lib/x"
    assert (libraries / "libfreesmtp.so").resolve().is_file()
    assert "libdir=/opt/mail/lib/x\n" in (libraries / "pkgconfig/freesmtp.pc").read_text()
    assert str(tmp_path) not in (libraries / "pkgconfig/freesmtp.pc").read_text()
    config = libraries / "cmake/freesmtp/freesmtpConfig.cmake"
    assert '/../../../.."' in config.read_text()
    run(
        [
            "make",
            "-f",
            "ffi-c/install.mk",
            "uninstall",
            "PREFIX=/opt/mail",
            "LIBDIR=/opt/mail/lib/x",
            f"DESTDIR={tmp_path}",
        ],
        cwd=ROOT,
    )
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
