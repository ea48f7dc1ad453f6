"""How agents log in to the servers: each way to do so lets them in, and a wrong one is refused in words that help."""

import json
import re
from pathlib import Path

from cluster.agents import Agents
from harness.agent import Recorder, submit, until
from harness.nkeys import ACCOUNT, Nkey, Operator
from harness.pki import Pki

from .conftest import Servers
from .test_check import OK, TRY_LATER, USAGE, check, refusal, single


def test_password(nats: Servers, tmp_path: Path) -> None:
    servers = nats(1, more="authorization { user: agent, password: secret }")
    login = f'user = "agent"\npassword_file = "{tmp_path}/password"\n'
    for password, exit_code in (("secret", OK), ("wrong", USAGE)):
        (tmp_path / "password").write_text(f"{password}\n")
        done = check(config=single(servers.urls, login), folder=tmp_path)
        assert done.returncode == exit_code, done
    text = refusal(done)
    assert "the login was refused; check cluster.user and cluster.password_file" in text
    assert "wrong" not in text
    assert "the login was refused" in refusal(check("--cluster", servers.url))


def test_token(nats: Servers, tmp_path: Path) -> None:
    servers = nats(1, more="authorization { token: opensesame }")
    (tmp_path / "token").write_text("opensesame\n")
    done = check(config=single(servers.urls, f'token_file = "{tmp_path}/token"\n'), folder=tmp_path)
    assert done.returncode == OK, done


def test_nkey(nats: Servers, tmp_path: Path) -> None:
    key, other = Nkey(), Nkey()
    servers = nats(1, more=f"authorization {{ users: [ {{ nkey: {key.public} }} ] }}")
    config = single(servers.urls, f'nkey_file = "{tmp_path}/agent.nk"\n')
    (tmp_path / "agent.nk").write_text(f"# the agent's\n{key.seed}\n")
    done = check(config=config, folder=tmp_path)
    assert done.returncode == OK, done
    (tmp_path / "agent.nk").write_text(f"{other.seed}\n")
    text = refusal(check(config=config, folder=tmp_path))
    assert "the login was refused" in text
    assert other.seed not in text
    # What is no seed of a user is found out before anybody is asked.
    for wrong in (key.public, Nkey(ACCOUNT).seed, f"{key.seed[:-2]}AA"):
        (tmp_path / "agent.nk").write_text(f"{wrong}\n")
        text = refusal(check(config=config, folder=tmp_path))
        assert text.startswith("cluster.nkey_file"), text
        assert wrong not in text


def test_credentials(nats: Servers, tmp_path: Path) -> None:
    operator = Operator()
    servers = nats(1, more=operator.configuration)
    config = single(servers.urls, f'credentials_file = "{tmp_path}/agent.creds"\n')
    path = operator.credentials(tmp_path / "agent.creds")
    done = check(config=config, folder=tmp_path)
    assert done.returncode == OK, done
    # Of an account that the servers do not know, and of none.
    operator.credentials(path, Nkey(ACCOUNT))
    assert "the login was refused" in refusal(check(config=config, folder=tmp_path))
    assert "the login was refused" in refusal(check(config=single(servers.urls), folder=tmp_path))
    path.write_text("no credentials\n")
    assert refusal(check(config=config, folder=tmp_path)).startswith("cluster.credentials_file")


def test_mail_goes_over_servers_that_want_credentials_and_tls(nats: Servers, pki: Pki, tmp_path: Path) -> None:
    operator = Operator()
    made = pki["good"]
    tls = f'cert_file: "{made.chain}", key_file: "{made.key}", ca_file: "{pki.ca_file}"'
    servers = nats(3, more=operator.configuration, tls=tls)
    path = operator.credentials(tmp_path / "agent.creds")
    recorder = Recorder(tmp_path)
    login = f'credentials_file = "{path}"\nca_file = "{pki.ca_file}"\n'
    agents = Agents(tmp_path, servers, recorder, 2, login=login)
    try:
        promised = submit(agents.spool(0), 20, "a{n}@one.test", blast="news")
        until(lambda: {facts["message_id"] for facts in recorder.kept()} == set(promised), 60, agents.logs())
    finally:
        agents.close()
        recorder.close()


def test_tls_and_certificates(nats: Servers, pki: Pki, tmp_path: Path) -> None:
    def block(certificate: str, more: str = "") -> str:
        made = pki[certificate]
        return f'cert_file: "{made.chain}", key_file: "{made.key}", ca_file: "{pki.ca_file}"{more}'

    good = nats(3, tls=block("good", ", verify: true"))
    client = pki["client"]
    trust = f'ca_file = "{pki.ca_file}"\n'
    shown = f'certificate_file = "{client.chain}"\nkey_file = "{client.key}"\n'
    with_both = f"[cluster]\nservers = {json.dumps(good.urls)}\n{trust}{shown}"
    done = check(config=with_both, folder=tmp_path)
    assert done.returncode == OK, done
    # Without a certificate of its own, and without the authority.
    text = refusal(check(config=single(good.urls, trust), folder=tmp_path))
    assert "no TLS: " in text
    text = refusal(check(config=single(good.urls, shown), folder=tmp_path))
    assert re.search(r"no TLS: .*UnknownIssuer", text), text
    # The name in the certificate is another one.
    elsewhere = nats(1, tls=block("wrong-name"))
    text = refusal(check(config=single(elsewhere.urls, trust), folder=tmp_path))
    assert "no TLS: " in text
    assert "the certificate names the host" in text


def test_tls_that_is_wanted_is_not_given_up(nats: Servers, pki: Pki, tmp_path: Path) -> None:
    servers = nats(1)
    done = check(config=single(servers.urls, f'ca_file = "{pki.ca_file}"\n'), folder=tmp_path)
    assert done.returncode in (USAGE, TRY_LATER), done
