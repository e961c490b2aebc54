"""The pages over HTTP, from `slipway dashboard` as it is started: their facts, and that they only read."""

import re
import subprocess
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.deployments.dashboard.fleet import AUDIT
from tests.deployments.dashboard.served import HOSTILE, LONG

PAGES = ("/shop", "/shop/releases", "/shop/dora", "/shop/customers/fjord", "/shop?sort=since", "/shop?state=held")


def attributes(page: str) -> list[tuple[str, str]]:
    """(name, value) of every attribute of every element, as a browser reads them."""
    found: list[tuple[str, str]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend((name, value or "") for name, value in attrs)

    Reader().feed(page)
    return found


def rows(client: httpx.Client, query: str = "") -> dict[str, dict[str, Any]]:
    return {r["customer"]: r for r in client.get(f"/shop.json{query}").json()["rows"]}


def test_every_customer_has_its_state_and_what_keeps_it_there(client: httpx.Client, ten: SimpleNamespace) -> None:
    found = rows(client)
    back, again, held, hand, broken, *behind = ten.rest
    newest, before = ten.fleet.commits[-2], ten.fleet.commits[-3]
    states = {name: row["state"] for name, row in found.items()}
    assert states == {
        **dict.fromkeys(("fjord", "bre"), "newest"),
        **dict.fromkeys((back, again, held), "held"),
        **dict.fromkeys(behind, "behind"),
        hand: "changed by hand",
        broken: "problem",
        "ny": "never released",
    }
    assert (found["fjord"]["release"], found["fjord"]["behind"]) == (newest, 0)
    assert [(found[n]["release"], found[n]["behind"]) for n in behind] == [(before, 1)] * len(behind)
    assert (found[back]["release"], found[back]["behind"]) == (ten.fleet.commits[0], 6)
    assert found[held]["note"] == f"held by kari until 2999-12-31: audit {HOSTILE}"
    assert [c["by_hand"] for c in found[hand]["cells"]] == [True, True]
    assert "customers/" in found[broken]["note"] and found[broken]["next_step"]
    # A component that did not change keeps the commit that built it.
    assert [c["revision"] for c in found["fjord"]["cells"]] == [newest, newest]
    assert [c["revision"] for c in found[behind[0]]["cells"]] == [before, ten.fleet.commits[-4]]


def test_the_summary_counts_them_and_says_how_far_main_is(client: httpx.Client, ten: SimpleNamespace) -> None:
    said = client.get("/shop.json").json()
    assert said["counts"] == {
        "problem": 1, "changed by hand": 1, "held": 3, "behind": 3, "never released": 1, "newest": 2,
    }  # fmt: skip
    assert (said["newest"]["commit"], said["newest"]["customers"]) == (ten.fleet.commits[-2], 2)
    assert (said["unreleased"], said["stale"], said["notices"]) == (1, False, [])
    assert f"2 of 11 customers run {ten.fleet.commits[-2][:7]}" in client.get("/shop").text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?state=held&ring=all", 3),
        ("?name=" + LONG[:12].upper(), 1),
        ("?state=nonsense", 11),
        ("?ring=<b>", 0),
        ("?ring=canary", 1),
    ],
)
def test_the_matrix_is_filtered_on_the_server(client: httpx.Client, query: str, expected: int) -> None:
    assert len(rows(client, query)) == expected
    assert client.get(f"/shop{query}").status_code == 200


def test_the_longest_unchanged_come_first_when_asked_for(client: httpx.Client) -> None:
    times = [r["since"] or 0 for r in client.get("/shop.json?sort=since").json()["rows"]]
    assert times == sorted(times) and len(set(times)) > 3


def test_a_release_has_its_rings_approval_override_and_the_way_back(client: httpx.Client, ten: SimpleNamespace) -> None:
    found = client.get("/shop/releases.json").json()
    assert [r["commit"] for r in found["releases"]] == ten.fleet.commits[-2::-1]
    second = client.get(f"/shop/releases/{ten.fleet.commits[1][:10]}.json").json()
    assert [(s["ring"], len(s["customers"]), s["approved_by"]) for s in second["stops"]] == [
        ("canary", 1, ""),
        ("early", 1, ""),
        ("all", 8, "kari"),
    ]
    assert [s["after"] for s in second["stops"]] == [3 * 3600, 5 * 3600, 23 * 3600]
    assert second["stops"][2]["overrides"] == ["freeze by ola: the old one loses orders"]
    (back,) = second["backs"]
    assert (back["customers"], back["by"], back["to"]) == (sorted(ten.rest[:2]), "ola", [ten.fleet.commits[0]])
    assert (second["running"], found["releases"][0]["running"]) == (0, 2)


def test_a_customer_has_its_history(client: httpx.Client, ten: SimpleNamespace) -> None:
    name, held = ten.rest[0], ten.rest[2]
    one, two = ten.fleet.commits[:2]
    lines = [(h["what"], h["release"], h["by"]) for h in client.get(f"/shop/customers/{name}.json").json()["history"]]
    assert lines == [("put back", one, "ola"), ("released", two, "kari"), ("released", one, "kari")]
    newest = client.get(f"/shop/customers/{held}.json").json()["history"][0]
    assert (newest["what"], newest["by"], newest["release"]) == ("held", "kari", None)


def test_the_figures_are_those_of_the_history(client: httpx.Client) -> None:
    said = client.get("/shop/dora.json?weeks=12").json()
    assert (said["deployments"], said["failed"], said["failure_rate"]) == (7, 1, pytest.approx(1 / 7))
    assert (said["restore"]["count"], said["restore"]["median"]) == (2, 2 * 3600)
    assert len(said["weeks"]) == 12 and sum(w["deployments"] for w in said["weeks"]) == 7


@pytest.mark.parametrize("path", ["/shop", "/shop/releases", "/shop/dora", "/shop/customers/fjord"])
def test_a_page_is_json_for_who_asks_for_it(client: httpx.Client, path: str) -> None:
    by_name = client.get(f"{path}.json")
    by_header = client.get(path, headers={"accept": "application/json"})
    assert by_name.headers["content-type"] == by_header.headers["content-type"] == "application/json"
    assert by_name.json() == {**by_header.json(), "seen_at": by_name.json()["seen_at"]}
    assert client.get(path).headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", [*PAGES, "/shop/nothing", "/-/static/dashboard.css"])
def test_every_answer_forbids_what_comes_from_elsewhere(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "server" not in answer.headers
    found = attributes(answer.text)
    sources = [value for name, value in found if name in ("src", "href", "action")]
    assert all(s.startswith(("/", "?", "#")) and not s.startswith("//") for s in sources)
    assert not [name for name, _ in found if name.startswith("on") or name == "style"]


@pytest.mark.parametrize("path", [*PAGES, "/shop/customers/foss", "/shop?name=</title><script>alert(1)</script>"])
def test_nothing_that_people_wrote_becomes_markup(client: httpx.Client, path: str) -> None:
    text = client.get(path).text
    assert len(re.findall("<script", text)) == 1 and "<img" not in text
    assert AUDIT not in text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_only_reading_is_answered(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/shop", content=b"x" if method == "POST" else None)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_head_request_has_no_body(client: httpx.Client) -> None:
    answer = client.head("/shop")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    "path",
    ["/other", "/shop/customers/nobody", "/shop/releases/abc", "/shop/releases/" + "f" * 40, "/-/static/..%2fapp.py",
     "/shop/customers/%3Cscript%3E", "/shop/releases/" + "0" * 7],
)  # fmt: skip
def test_what_is_not_there_is_said_without_a_word_more(client: httpx.Client, path: str) -> None:
    page, said = client.get(path), client.get(path, headers={"accept": "application/json"})
    assert (page.status_code, said.status_code) == (404, 404)
    assert said.headers["content-type"] == "application/problem+json"
    assert "<script>" not in page.text and "Traceback" not in page.text


@pytest.mark.parametrize(
    "query", ["?page=0", "?page=-1", "?page=99999999", "?page=x", "?page=٣", "?weeks=5", "?weeks=²"]
)
def test_numbers_that_make_no_sense_are_as_none(client: httpx.Client, query: str) -> None:
    assert client.get(f"/shop/releases{query}").status_code == 200
    assert client.get(f"/shop/dora{query}").status_code == 200


def test_a_browser_that_was_led_here_by_another_name_is_refused(client: httpx.Client) -> None:
    assert client.get("/shop", headers={"host": "evil.example.com"}).status_code == 400
    assert client.get("/shop", headers={"host": "localhost:4900"}).status_code == 200
    assert client.get("/shop", headers={"host": "[::1]:4900"}).status_code == 200


def test_what_a_browser_has_already_is_not_sent_again(client: httpx.Client) -> None:
    answers = []
    for _ in range(3):  # a look in between changes when the branch was seen last
        tag = client.get("/shop.json").headers["etag"]
        answers.append(client.get("/shop.json", headers={"if-none-match": tag}))
    kept = [a for a in answers if a.status_code == 304]
    assert kept and all(a.content == b"" for a in kept)
    assert client.get("/shop.json", headers={"if-none-match": 'W/"another"'}).status_code == 200
    assert "immutable" in client.get("/-/static/dashboard.css").headers["cache-control"]


def test_reading_every_page_writes_nothing(client: httpx.Client, ten: SimpleNamespace) -> None:
    def refs() -> str:
        return "".join(
            subprocess.run(["git", "-C", f"{d}.git", "show-ref"], check=True, capture_output=True, text=True).stdout
            for d in (ten.fleet.app, ten.fleet.gitops)
        )

    before = refs()
    assert [client.get(p).status_code for p in PAGES] == [200] * len(PAGES)
    assert refs() == before


def test_a_thousand_customers_are_a_page_that_can_be_read(thousand: SimpleNamespace) -> None:
    with httpx.Client(base_url=thousand.url, timeout=120) as client:
        page = client.get("/shop")
        assert page.status_code == 200
        assert len(page.text) < 150_000
        assert page.text.count("<tr") < 40
        assert all(f">{name}</a>" in page.text for name in thousand.fleet.customers)
        assert "894 customers behind by 5 commits" in page.text
        assert len(client.get("/shop.json?state=behind").json()["rows"]) == 894
