"""What goes on until somebody ends it, from the command line: it says when it can be used, and ends well."""

import sys
from pathlib import Path
from types import SimpleNamespace

import httpx
import yaml

from deployments import services
from tests.ports import free_port
from tests.program import ROOT
from tests.terminal import slipway as at_terminal

TOKEN = "t" * 32


def test_the_receiver_serves_where_it_was_told_to(shop: SimpleNamespace, tmp_path: Path) -> None:
    """The push is on disk when the sender is answered, though Prefect is away."""
    config = yaml.safe_load(shop.config.read_text())
    config["webhook"] = {"provider": "bearer", "repository": "shop/app", "secret_env": "TOKEN"}
    shop.config.write_text(yaml.safe_dump(config))
    port = free_port(8090)
    argv = [sys.executable, "-m", "deployments", "serve", "--port", str(port)]
    away = {"PREFECT_API_URL": "http://127.0.0.1:1/api", "TOKEN": TOKEN, "SLIPWAY_HOME": str(tmp_path / "home")}
    env = services.environment(**shop.env, **away, PYTHONPATH=str(ROOT))
    health = f"http://127.0.0.1:{port}/health"
    with services.serving("serve", argv, tmp_path / "log", env, lambda: services.answers(health)) as server:
        server.wait_ready()
        assert httpx.get(health).status_code == 200
        who = {"Authorization": f"Bearer {TOKEN}"}
        told = httpx.post(f"http://127.0.0.1:{port}/hooks/shop", headers=who, json={"commit": shop.commit})
        assert told.status_code == 202, told.text


def test_the_watch_goes_on_without_a_server_and_ends_by_ctrl_c() -> None:
    with at_terminal("server", "watch", PREFECT_API_URL="http://127.0.0.1:1/api") as terminal:
        terminal.see("watching")
        terminal.type("\x03")
        assert terminal.end() == 0, terminal.shown
