"""`freesmtp cluster check`: what agents need of the servers, and the sentence for each thing that will not do."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from harness.nats import Nats
from harness.process import LOOPBACK, free_port
from harness.sink import program

from .conftest import Servers

OK, USAGE, TRY_LATER = 0, 2, 75

BUCKETS = ["KV_MAILQ_BLASTS", "KV_MAILQ_SHARES", "KV_MAILQ_KEYS"]
STREAMS = ["MAILQ", "MAILQ_COUNT", *BUCKETS, "OBJ_MAILQ_BODIES"]


def check(*arguments: object, config: str = "", folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs it."""
    words = [program(), "cluster", "check", *map(str, arguments)]
    if config:
        assert folder
        path = folder / "agent.toml"
        path.write_text(config)
        words += ["--config", str(path)]
    return subprocess.run(words, capture_output=True, text=True, timeout=180)


def check_until_well(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs it until it ends well: leaders are elected after a loss."""
    end = time.monotonic() + 180
    while (done := check(*arguments)).returncode == TRY_LATER and time.monotonic() < end:
        time.sleep(0.2)
    assert done.returncode == OK, done
    return done


def refusal(done: subprocess.CompletedProcess[str], exit_code: int = USAGE) -> str:
    """Its sentence."""
    assert (done.returncode, done.stdout) == (exit_code, ""), done
    assert done.stderr.startswith("freesmtp cluster: ")
    return done.stderr.removeprefix("freesmtp cluster: ")


def single(servers: list[str], more: str = "") -> str:
    """Settings for a server alone."""
    return f"[cluster]\nservers = {json.dumps(servers)}\nreplicas = 1\n{more}"


def test_makes_what_agents_need_and_finds_it_again(nats3: Nats) -> None:
    for _ in range(2):
        done = check("--cluster", nats3.url, "--json")
        assert done.returncode == OK, done
        found = json.loads(done.stdout)
        assert [server["name"] for server in found["servers"]] == ["n1", "n2", "n3"]
        assert {server["version"] for server in found["servers"]} == {"2.15.1"}
        assert found["replicas"] == 3
        assert found["streams"] == STREAMS
    assert config_of(nats3, "MAILQ") == {
        "subjects": ["mailq.ready.>", "mailq.later.>", "mailq.held.>", "mailq.parked.>"],
        "retention": "workqueue",
        "discard": "old",
        "max_msgs": -1,
        "max_bytes": -1,
        "max_age": 0,
        "storage": "file",
        "num_replicas": 3,
        "duplicate_window": 600 * 10**9,
        "allow_msg_schedules": True,
        "allow_msg_ttl": True,
    }
    assert config_of(nats3, "MAILQ_COUNT", "allow_msg_counter") == {"allow_msg_counter": True}
    text = check("--cluster", nats3.url)
    assert text.returncode == OK
    assert "3 copies of each message: 1 of the servers may be lost." in text.stdout


def config_of(servers: Nats, stream: str, *fields: str) -> dict[str, Any]:
    """What the server says of a stream."""
    wanted = fields or (
        *("subjects", "retention", "discard", "storage", "num_replicas", "duplicate_window"),
        *("max_msgs", "max_bytes", "max_age", "allow_msg_schedules", "allow_msg_ttl"),
    )
    answer = servers.nodes[servers.leader(stream)].ask("/jsz?streams=true&config=true")
    streams = [s for account in answer["account_details"] for s in account["stream_detail"]]
    config = next(s["config"] for s in streams if s["name"] == stream)
    return {field: config[field] for field in wanted}


def test_one_of_three_may_be_down(nats3: Nats) -> None:
    assert check("--cluster", nats3.url).returncode == OK
    nats3.kill(nats3.leader())
    nats3.wait_until_ready()
    done = check_until_well("--cluster", nats3.url, "--json")
    assert sorted(server["ok"] for server in json.loads(done.stdout)["servers"]) == [False, True, True]


def test_two_of_three_down_is_told_and_passes(nats3: Nats) -> None:
    assert check("--cluster", nats3.url).returncode == OK
    nats3.kill(0)
    nats3.kill(1)
    text = refusal(check("--cluster", nats3.url), TRY_LATER)
    assert "most of them must be up" in text
    nats3.start()
    check_until_well("--cluster", nats3.url)


def test_no_server(tmp_path: Path) -> None:
    port = free_port()
    text = refusal(check("--cluster", f"nats://{LOOPBACK}:{port}"), TRY_LATER)
    assert f"{LOOPBACK}:{port}: " in text
    assert "check that nats-server runs there" in text
    answer = json.loads(check("--cluster", f"nats://{LOOPBACK}:{port}", "--json").stdout)
    assert (answer["ok"], answer["error"]["is_temporary"]) == (False, True)


def test_debians_server_is_too_old(nats: Servers, old_server: str) -> None:
    servers = nats(1, executable=old_server, sync="")
    text = refusal(check("--cluster", servers.url))
    assert text.startswith("cluster.servers[0]: ")
    assert "nats-server 2.9.10, which silently drops" in text
    assert "install 2.12 or newer" in text


def test_an_old_server_among_new_ones(nats: Servers, old_server: str) -> None:
    new, old = nats(1), nats(1, executable=old_server, sync="")
    assert refusal(check("--cluster", f"{new.url},{old.nodes[0].address}")).startswith("cluster.servers[1]: ")


def test_without_jetstream(nats: Servers) -> None:
    text = refusal(check("--cluster", nats(1, jetstream=False).url))
    assert "runs without JetStream" in text
    assert "sync_interval: always" in text


def test_an_account_without_jetstream(nats: Servers, tmp_path: Path) -> None:
    accounts = "accounts { MAIL { users: [{ user: u, password: p }] }, OTHER { jetstream: enabled } }"
    servers = nats(1, more=accounts)
    (tmp_path / "password").write_text("p\n")
    login = f'user = "u"\npassword_file = "{tmp_path}/password"\n'
    text = refusal(check(config=single(servers.urls, login), folder=tmp_path))
    assert "add `jetstream: enabled` to the account" in text


def test_three_copies_on_one_server(nats: Servers, tmp_path: Path) -> None:
    servers = nats(1)
    text = refusal(check("--cluster", servers.url))
    assert text.startswith("cluster.replicas: is 3, and stream MAILQ cannot have 3 copies")
    done = check(config=single(servers.urls), folder=tmp_path)
    assert done.returncode == OK, done
    assert "the loss of one disk loses mail" in done.stdout


@pytest.mark.parametrize(
    ("stream", "settings", "told"),
    [
        ("MAILQ", {"duplicate_window": 120 * 10**9}, "duplicate_window is 120s and must be 600s"),
        ("MAILQ", {"retention": "limits"}, 'retention is "limits" and must be "workqueue"'),
        ("MAILQ", {"allow_msg_schedules": False}, "allow_msg_schedules is not set and must be true"),
        ("MAILQ", {"subjects": ["mailq.ready.>"]}, 'subjects is ["mailq.ready.>"] and must be'),
        ("MAILQ", {"max_msgs": 1000}, "max_msgs is 1000 and must be -1"),
        ("OBJ_MAILQ_BODIES", {"discard": "old"}, 'discard is "old" and must be "new"'),
        ("MAILQ", {"storage": "memory"}, 'storage is "memory" and must be "file"'),
        ("MAILQ", {"max_age": 3600 * 10**9}, "max_age is 3600s and must be 0"),
        ("KV_MAILQ_KEYS", {"max_msgs_per_subject": 5}, "max_msgs_per_subject is 5 and must be 1"),
    ],
)
def test_a_stream_that_somebody_made(
    nats: Servers, tmp_path: Path, stream: str, settings: dict[str, Any], told: str
) -> None:
    servers = nats(1)
    config = single(servers.urls)
    assert check(config=config, folder=tmp_path).returncode == OK
    wanted = servers.api(f"STREAM.INFO.{stream}")["config"]
    servers.api(f"STREAM.DELETE.{stream}")
    servers.api(f"STREAM.CREATE.{stream}", {**wanted, **settings})
    text = refusal(check(config=config, folder=tmp_path))
    assert text.startswith(f"cluster: stream {stream} was made with other settings: ")
    assert told in text
    assert f"nats stream rm {stream}" in text


def test_what_the_operator_may_choose(nats: Servers, tmp_path: Path) -> None:
    servers = nats(1)
    config = single(servers.urls)
    assert check(config=config, folder=tmp_path).returncode == OK
    wanted = servers.api("STREAM.INFO.MAILQ")["config"]
    servers.api("STREAM.UPDATE.MAILQ", {**wanted, "compression": "s2", "description": "ours"})
    assert check(config=config, folder=tmp_path).returncode == OK


def test_a_consumer_that_somebody_made(nats: Servers, tmp_path: Path) -> None:
    servers = nats(1)
    config = single(servers.urls)
    assert check(config=config, folder=tmp_path).returncode == OK
    wanted = servers.api("CONSUMER.INFO.MAILQ.bulk")["config"]
    servers.api("CONSUMER.DELETE.MAILQ.bulk")
    body = {"stream_name": "MAILQ", "config": {**wanted, "max_ack_pending": 1000}}
    servers.api("CONSUMER.DURABLE.CREATE.MAILQ.bulk", body)
    text = refusal(check(config=config, folder=tmp_path))
    assert "consumer bulk of stream MAILQ" in text
    assert "max_ack_pending is 1000 and must be 100000" in text
    assert "nats consumer edit MAILQ bulk" in text


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ("", "cluster.servers"),
        ('servers = ["http://a"]', "cluster.servers[0]"),
        ('servers = ["nats://u:p@a"]', "cluster.servers[0]"),
        ('servers = ["nats://a"]\nreplicas = 2', "cluster.replicas"),
        ('servers = ["nats://127.0.0.1:1"]\nnkey_file = "/none"', "cluster.nkey_file"),
        ('servers = ["nats://127.0.0.1:1"]\ncredentials_file = "/none"', "cluster.credentials_file"),
        ('servers = ["tls://127.0.0.1:1"]\nca_file = "/none"', "cluster.ca_file"),
    ],
)
def test_settings_that_are_not_right(tmp_path: Path, settings: str, field: str) -> None:
    assert refusal(check(config=f"[cluster]\n{settings}\n", folder=tmp_path)).startswith(f"{field}: ")
