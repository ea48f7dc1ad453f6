"""nodemailer with our transport, to a real server: TLS, login, refusals."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.postfix import DOMAIN, Postfix

NODE = Path(__file__).parents[2] / "node"
PROGRAM = """
import { createTransport } from 'nodemailer';
import { FreeSmtpTransport } from 'freesmtp/nodemailer';
const { options, mails } = JSON.parse(process.argv[1]);
const transporter = createTransport(new FreeSmtpTransport(options));
const results = [];
for (const mail of mails) {
  try {
    const { messageId, accepted, rejected, response } = await transporter.sendMail(mail);
    results.push({ messageId, accepted, rejected, response });
  } catch ({ code, responseCode, response, command, diagnosis }) {
    results.push({ code, responseCode, response, command, cause: diagnosis?.cause });
  }
}
console.log(JSON.stringify(results));
transporter.close();
"""


def run(options: dict[str, Any], *mails: dict[str, Any]) -> list[dict[str, Any]]:
    """The result of each mail."""
    job = json.dumps({"options": {"host": "127.0.0.1", **options}, "mails": mails})
    command = ["node", "--input-type=module", "-e", PROGRAM, job]
    done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@pytest.mark.parametrize(("service", "way"), [("submission", {"requireTLS": True}), ("smtps", {"secure": True})])
def test_tls_login_and_refusals(service: str, way: dict[str, Any], postfix: Postfix) -> None:
    login = {"auth": {"user": "user", "pass": "secret"}}
    options = {"port": postfix.port(service), "caFile": str(postfix.pki.ca_file), **way}
    mail = {"from": "Ä Sender <sender@a.test>", "to": f"user@{DOMAIN}", "subject": "Grüße", "text": "Text\n.\n"}
    octets = {"filename": "data.bin", "content": "AAEC/w==", "encoding": "base64"}
    partly = {**mail, "to": [f"other@{DOMAIN}", f"nobody@{DOMAIN}"]}
    whole, part = run({**options, **login}, {**mail, "attachments": [octets]}, partly)
    arrived = postfix.mailbox("user").wait_for(whole["messageId"])
    assert arrived.header("Subject") == "Grüße"
    assert arrived.attachments[0].data == b"\x00\x01\x02\xff"
    assert "Authenticated sender: user" in arrived.message.get_all("Received")[-1]
    assert "queued as" in whole["response"]
    assert (part["accepted"], part["rejected"]) == ([f"other@{DOMAIN}"], [f"nobody@{DOMAIN}"])

    [foreign] = run(options, {**mail, "to": "someone@foreign.test"})
    assert (foreign["code"], foreign["responseCode"], foreign["command"]) == ("EENVELOPE", 554, "RCPT TO")
    assert foreign["cause"] in ("relay-denied", "auth-required")
    [wrong] = run({**options, "auth": {"user": "user", "pass": "wrong"}}, mail)
    assert (wrong["code"], wrong["responseCode"], wrong["cause"]) == ("EAUTH", 535, "auth-failed")
    [untrusted] = run({**options, **login, "caFile": None}, mail)
    assert untrusted["code"] == "ETLS"
