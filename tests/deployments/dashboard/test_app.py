"""The dashboard mounted beside something else, with several apps, and the names that it answers to."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from deployments.dashboard.app import make_app
from deployments.dashboard.serve import names
from tasks.config.model import Config
from tests.deployments.dashboard.fleet import Fleet


@pytest.fixture
def small(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "world", ["bre", "dal"], [{"name": "all", "customers": "*"}], ["one"])


def asked(app: Any, *paths: str, **options: Any) -> list[httpx.Response]:
    """The answers of an ASGI app in this process."""

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://beside.example.no", timeout=90) as client:
            return [await client.get(path, **options) for path in paths]

    return asyncio.run(ask())


def changed(config: Config, **sections: Any) -> Config:
    return Config.model_validate({**config.model_dump(mode="json", by_alias=True), **sections})


def test_it_can_be_mounted_anywhere(small: Fleet) -> None:
    outer = Starlette()
    outer.mount("/release/pages", make_app([small.config]))
    page, style, start, nothing = asked(
        outer,
        "/release/pages/shop",
        "/release/pages/-/static/dashboard.css",
        "/release/pages/",
        "/release/pages/shop/x",
    )
    assert (page.status_code, style.status_code, nothing.status_code) == (200, 200, 404)
    assert start.headers["location"] == "/release/pages/shop"
    links = re.findall(r'(?:href|src)="(/[^"]*)"', page.text)
    assert len(links) > 5 and all(link.startswith("/release/pages/") for link in links)
    assert "2 customers, nothing released yet" in page.text


def test_several_apps_are_listed_and_kept_apart(small: Fleet) -> None:
    other = changed(small.config, app={"name": "api", "repository": small.config.app.repository})
    start, api, shop, nothing = asked(make_app([small.config, other]), "/", "/api.json", "/shop.json", "/web.json")
    assert re.findall(r'<a href="(/\w+)">', start.text) == ["/api", "/shop"]
    assert (api.json()["app"], shop.json()["app"], nothing.status_code) == ("api", "shop", 404)


def test_only_known_host_names_are_answered_where_some_are_given(small: Fleet) -> None:
    app = make_app([small.config], hosts=["beside.example.no"])
    (good,) = asked(app, "/-/health")
    (bad,) = asked(app, "/-/health", headers={"host": "evil.example.no"})
    assert (good.status_code, bad.status_code) == (200, 400)
    assert bad.headers["x-content-type-options"] == "nosniff"


def test_the_receivers_name_and_the_given_ones_are_known(small: Fleet) -> None:
    config = changed(small.config, addresses={"receiver": "https://slipway.example.no/x"})
    assert {"localhost", "slipway.example.no", "other"} <= set(names(config, "127.0.0.1", ["other"]))
    assert "0.0.0.0" not in names(config, "0.0.0.0", [])
    assert "[fd00::1]" in names(config, "fd00::1", [])
