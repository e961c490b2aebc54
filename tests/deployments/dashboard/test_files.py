"""Files of failed tests over HTTP: what is shown, how a browser is kept from running it, and what stays out of reach."""

import asyncio
import os
from pathlib import Path

import httpx
import pytest
from starlette.exceptions import HTTPException

from deployments.dashboard import files
from deployments.dashboard.app import make_app
from tasks.secrets.masking import learn
from tests.tasks.gitops.conftest_gitops import config_for

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 2000
RUN = "0d9e2b64-6a5e-4a43-8a7e-5a2b7f1c9d10"


@pytest.fixture
def run(slipway_home: Path) -> Path:
    """The folder of a run with one suite's files."""
    suite = slipway_home / "runs" / RUN / "e2e-smoke"
    (suite / "artifacts" / "a test").mkdir(parents=True)
    (suite / "output.log").write_text("password is hunter2hunter2\n")
    for name, content in (
        ("page.html", b"<script>alert(1)</script>"),
        ("picture.svg", b"<svg onload='alert(1)'/>"),
        ("shot.PNG", PNG),
        ("a test/trace.zip", b"PK"),
        ("odd'\"name.bin", b"x"),
    ):
        (suite / "artifacts" / name).write_bytes(content)
    (slipway_home / "secret.txt").write_text("secret")
    (suite / "artifacts" / "link.txt").symlink_to(slipway_home / "secret.txt")
    (suite / "linked").symlink_to(slipway_home)
    os.mkfifo(suite / "pipe.log")
    return suite


class Client:
    """Asks the dashboard in this process, by paths that nobody tidies up on the way."""

    def __init__(self) -> None:
        self.app = make_app([config_for("app", "gitops")])

    def get(self, path: str, **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app)) as client:
                request = client.build_request("GET", "http://localhost/", headers=headers)
                request.url = request.url.copy_with(raw_path=path.encode())
                return await client.send(request)

        return asyncio.run(ask())


@pytest.fixture
def client(run: Path) -> Client:
    return Client()


def test_text_and_pictures_are_shown_and_nothing_of_them_runs(client: Client) -> None:
    learn("hunter2hunter2")
    for path, kind, disposition in (
        ("output.log", "text/plain; charset=utf-8", None),
        ("artifacts/page.html", "text/plain; charset=utf-8", None),
        ("artifacts/picture.svg", "text/plain; charset=utf-8", None),
        ("artifacts/shot.PNG", "image/png", 'inline; filename="shot.PNG"'),
        ("artifacts/a%20test/trace.zip", "application/octet-stream", 'attachment; filename="trace.zip"'),
        ("artifacts/odd'%22name.bin", "application/octet-stream", 'attachment; filename="odd-name.bin"'),
    ):
        answer = client.get(f"/-/runs/{RUN}/e2e-smoke/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind), path
        assert answer.headers.get("content-disposition") == disposition
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "hunter2" not in client.get(f"/-/runs/{RUN}/e2e-smoke/output.log").text
    part = client.get(f"/-/runs/{RUN}/e2e-smoke/artifacts/shot.PNG", range="bytes=1-3")
    assert (part.status_code, part.content) == (206, b"PNG")


def test_a_runs_files_are_listed(client: Client) -> None:
    page = client.get(f"/-/runs/{RUN}")
    assert f'href="/-/runs/{RUN}/e2e-smoke/artifacts/a%20test/trace.zip"' in page.text
    assert "trace.playwright.dev" in page.text
    listed = client.get(f"/-/runs/{RUN}", accept="application/json").json()
    assert [f["name"] for a in listed["attempts"] for f in a["files"]][0] == "output.log"
    assert "link.txt" not in page.text
    assert client.get("/-/runs/another-run").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        f"/-/runs/{RUN}/e2e-smoke/artifacts/link.txt",
        f"/-/runs/{RUN}/e2e-smoke/linked/secret.txt",
        f"/-/runs/{RUN}/e2e-smoke/pipe.log",
        f"/-/runs/{RUN}/e2e-smoke/artifacts",
        f"/-/runs/{RUN}/e2e-smoke/../../../secret.txt",
        f"/-/runs/{RUN}/e2e-smoke/%2e%2e/%2e%2e/%2e%2e/secret.txt",
        f"/-/runs/{RUN}/..%2f..%2fsecret.txt",
        f"/-/runs/{RUN}//etc/passwd",
        f"/-/runs/{RUN}/e2e-smoke/output.log%00",
        f"/-/runs/{RUN}/{'a' * 5000}",
        "/-/runs/%00/output.log",
        "/-/runs/%00",
        "/-/runs/../secret.txt",
        "/-/runs/%2e%2e/secret.txt",
        "/-/runs/..",
        "/-/runs/%2e%2e",
        "/-/runs/",
    ],
)
def test_nothing_else_is_reached(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_run_is_a_name_and_no_way() -> None:
    with pytest.raises(HTTPException):
        files.find("..", "secret.txt")


def test_what_is_too_large_is_said_and_long_text_is_shown_from_its_end(
    client: Client, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    monkeypatch.setattr(files, "TEXT_BYTES", 9)
    assert client.get(f"/-/runs/{RUN}/e2e-smoke/artifacts/shot.PNG").status_code == 413
    (run / "output.log").write_text("012345678the end.\n")
    assert client.get(f"/-/runs/{RUN}/e2e-smoke/output.log").text == "(the first 9 bytes are left out)\nthe end.\n"
