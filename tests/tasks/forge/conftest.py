"""Each of the three forges as a situation: a stand-in held to its published contract, and the settings to reach it."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tasks.config.forge import Forge
from tests.contracts import ContractServer
from tests.tasks.forge.gitea_stand_in import GiteaStandIn
from tests.tasks.forge.github_stand_in import GitHubStandIn
from tests.tasks.forge.gitlab_stand_in import GitLabStandIn
from tests.tasks.forge.stand_in import NAME, TOKEN, StandIn

STAND_INS = {"github": GitHubStandIn, "gitlab": GitLabStandIn, "gitea": GiteaStandIn}


@dataclass
class Situation:
    """A forge that runs: what it remembers, what it was asked, and how it is reached."""

    kind: str
    there: StandIn
    server: ContractServer
    settings: Forge

    def asked(self, operation: str) -> int:
        """How often it was asked for what this begins with."""
        return sum(r.operation.startswith(operation) for r in self.server.requests)


def started(kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Situation]:
    there = STAND_INS[kind]()
    monkeypatch.setenv("FORGE_TOKEN", TOKEN)
    with ContractServer(there.document(), there.answer) as server:
        there.url = server.url
        settings = Forge(kind=kind, url=server.url, project=NAME, token_env="FORGE_TOKEN")
        yield Situation(kind, there, server, settings)


@pytest.fixture(params=list(STAND_INS))
def forge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Situation]:
    """Each forge in turn."""
    yield from started(request.param, monkeypatch)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[Situation]:
    yield from started("github", monkeypatch)


@pytest.fixture
def gitlab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Situation]:
    yield from started("gitlab", monkeypatch)


@pytest.fixture
def gitea(monkeypatch: pytest.MonkeyPatch) -> Iterator[Situation]:
    yield from started("gitea", monkeypatch)


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS with a certificate that only its own authority vouches for, and that authority's PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    none = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, private, none))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context, folder / "ca.pem"
