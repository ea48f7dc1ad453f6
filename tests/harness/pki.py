"""A throw-away certificate authority and the certificates of servers and clients that tests need, good and bad.

Made with the `openssl` command: it is on every machine that can build the library, and needs no Python package.
"""

import base64
import hashlib
import ssl
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path

HERE = "DNS:localhost,IP:127.0.0.1,IP:::1"
ELSEWHERE = "DNS:mail.elsewhere.test"

CONFIGURATION = """\
[ca]
default_ca = this
[this]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = anything
unique_subject = no
copy_extensions = none
[anything]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
CN = freesmtp tests
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = {names}
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
"""


@dataclass(frozen=True)
class Certificate:
    """A certificate with its chain, and its key, as PEM files."""

    chain: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """A server's context that presents it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context

    def asking(self, authority: Path, *, latest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """A server's context that takes only clients with a certificate of that authority."""
        context = self.context()
        context.maximum_version = latest
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority)
        return context

    def old(self) -> ssl.SSLContext:
        """A server's context that knows nothing newer than TLS 1.1."""
        context = self.context()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        # OpenSSL offers such versions at its lowest level of security only.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        return context

    def pkcs12(self, password: str) -> Path:
        """Certificate and key in one file, encrypted with a password."""
        path = self.chain.with_suffix(f".{len(password)}.p12")
        _openssl(
            *("pkcs12", "-export", "-in", self.chain, "-inkey", self.key, "-out", path, "-passout", f"pass:{password}"),
        )
        return path

    def pins(self) -> tuple[str, str]:
        """Its own SHA-256 in hexadecimal, and that of its key in base64."""
        loaded = ("openssl", "x509", "-in", str(self.chain), "-noout", "-pubkey")
        pem = subprocess.run(loaded, capture_output=True, check=True).stdout
        der = ("openssl", "pkey", "-pubin", "-outform", "DER")
        key = subprocess.run(der, input=pem, capture_output=True, check=True).stdout
        return hashlib.sha256(self.der()).hexdigest(), base64.b64encode(hashlib.sha256(key).digest()).decode()

    def der(self) -> bytes:
        """The certificate itself, as it goes over the wire."""
        text = self.chain.read_text()
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        return ssl.PEM_cert_to_DER_cert(begin + text.split(begin)[1].split(end)[0] + end)


class Pki:
    """Certificates by name: of servers `NAMES`, of the client `user`: `client`, and `client-other-issuer`."""

    NAMES = ("good", "expired", "not-yet-valid", "wrong-name", "self-signed", "other-issuer", "sha384")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = self._authority("ca")
        other = self._authority("other-ca")
        self._certificates = {
            "good": self._issue("good", self.ca, HERE),
            "expired": self._issue("expired", self.ca, HERE, start="20200101000000Z", end="20200201000000Z"),
            "not-yet-valid": self._issue(
                "not-yet-valid", self.ca, HERE, start="20900101000000Z", end="20910101000000Z"
            ),
            "wrong-name": self._issue("wrong-name", self.ca, ELSEWHERE),
            "self-signed": self._self_signed("self-signed"),
            "other-issuer": self._issue("other-issuer", other, HERE),
            "sha384": self._issue("sha384", self.ca, HERE, digest="sha384"),
            "client": self._issue("client", self.ca, HERE, kind="client", subject="user"),
            "client-other-issuer": self._issue("client-other-issuer", other, HERE, kind="client", subject="user"),
        }

    @property
    def ca_file(self) -> Path:
        """The authority to trust."""
        return self.ca.chain

    def contexts(self) -> dict[str, ssl.SSLContext]:
        """Contexts of servers by the name of their certificate, and of those that differ otherwise."""
        good = self["good"]
        return {
            **{name: self[name].context() for name in self.NAMES},
            "asking": good.asking(self.ca_file),
            "asking-tls12": good.asking(self.ca_file, latest=ssl.TLSVersion.TLSv1_2),
            "tls11": good.old(),
        }

    def __getitem__(self, name: str) -> Certificate:
        return self._certificates[name]

    def _configuration(self, name: str, names: str = HERE) -> Path:
        path = self.folder / f"{name}.cnf"
        path.write_text(CONFIGURATION.format(folder=self.folder, names=names))
        for file, start in (("index.txt", ""), ("serial", "01\n")):
            if not (self.folder / file).exists():
                (self.folder / file).write_text(start)
        return path

    def _root(self, name: str, extensions: str) -> Certificate:
        made = Certificate(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"),
            *("-config", self._configuration(name), "-extensions", extensions, "-subj", f"/CN={name}"),
            *("-keyout", made.key, "-out", made.chain),
        )
        return made

    def _authority(self, name: str) -> Certificate:
        return self._root(name, "authority")

    def _self_signed(self, name: str) -> Certificate:
        return self._root(name, "server")

    def _issue(
        self,
        name: str,
        issuer: Certificate,
        names: str,
        *,
        start: str = "",
        end: str = "",
        kind: str = "server",
        subject: str = "",
        digest: str = "sha256",
    ) -> Certificate:
        made = Certificate(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request = self.folder / f"{name}.csr"
        configuration = self._configuration(name, names)
        _openssl(
            *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-config", configuration, "-subj", f"/CN={subject or name}"),
            *("-keyout", made.key, "-out", request),
        )
        # `openssl ca`, because `openssl x509` of OpenSSL 3.0 cannot make a certificate that has expired already.
        dates = ("-startdate", start, "-enddate", end) if end else ("-days", "30")
        _openssl(
            *("ca", "-batch", "-notext", "-config", configuration, "-extensions", kind, "-md", digest, *dates),
            *("-cert", issuer.chain, "-keyfile", issuer.key, "-in", request, "-out", made.chain),
        )
        return made


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")
