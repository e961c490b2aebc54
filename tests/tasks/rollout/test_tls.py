"""Tokens go to servers whose certificate is trusted, and nowhere else."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ReleaseRefused
from tasks.rollout.verify import verify_customer
from tests.contracts import ContractServer, Request, Response
from tests.tasks.rollout.situations import (
    MINUTES,
    OURS,
    PLANNED,
    RELEASE,
    TOKEN,
    application,
    argocd_document,
    carries,
    config_of,
    deployment,
    hurry,
    kubernetes_document,
    pod,
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key in the same file."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(pem))
    return path


def answer(request: Request) -> Response:
    if "applications" in request.operation:
        return Response(200, application())
    return Response(200, {"items": [pod()] if request.operation.endswith("pods") else [deployment()], "metadata": {}})


@pytest.fixture(params=["argocd", "kubernetes"])
def rollout(
    request: pytest.FixtureRequest, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[dict[str, Any], ContractServer]]:
    """A rollout section without ca_file, and the server that it names."""
    hurry(monkeypatch)
    monkeypatch.setenv("A_TOKEN", TOKEN)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    documents = {"argocd": argocd_document, "kubernetes": kubernetes_document}
    with ContractServer(documents[request.param](), answer, tls=context) as server:
        sections = {
            "argocd": {"url": server.url, "token_env": "A_TOKEN", "application": "shop-{customer}"},
            "cluster": {"server": server.url, "token_env": "A_TOKEN"},
            "kubernetes": {"workloads": {"backend": {"name": "backend"}}},
        }
        chosen = ["argocd"] if request.param == "argocd" else ["cluster", "kubernetes"]
        settings = {"verify": request.param, "timeout": MINUTES} | {name: sections[name] for name in chosen}
        yield settings, server


def test_a_certificate_that_is_not_trusted_ends_the_wait(rollout: tuple[dict[str, Any], ContractServer]) -> None:
    settings, server = rollout
    with pytest.raises(ReleaseRefused, match="its certificate is not trusted") as caught:
        verify_customer(config_of(settings), RELEASE, "bre", OURS, carries)
    assert "ca_file" in str(caught.value)
    assert not server.requests


def test_an_authority_that_is_named_is_trusted(
    rollout: tuple[dict[str, Any], ContractServer], certificate: Path
) -> None:
    settings, _ = rollout
    section = "argocd" if settings["verify"] == "argocd" else "cluster"
    settings = settings | {section: settings[section] | {"ca_file": str(certificate)}}
    assert verify_customer(config_of(settings), RELEASE, "bre", OURS, carries) == {"backend": PLANNED}


def test_an_authority_s_file_that_is_not_there_is_named(rollout: tuple[dict[str, Any], ContractServer]) -> None:
    settings, _ = rollout
    section = "argocd" if settings["verify"] == "argocd" else "cluster"
    settings = settings | {section: settings[section] | {"ca_file": "/no/such.pem"}}
    with pytest.raises(ReleaseRefused, match=r"/no/such\.pem"):
        verify_customer(config_of(settings), RELEASE, "bre", OURS, carries)
