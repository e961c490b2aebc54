"""The contract server itself: what keeps to the document passes, everything else is reported, on both sides."""

import json
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.contracts import Answer, Contract, ContractBroken, ContractServer, Cut, Request, Response, Slow

ORDER = {
    "type": "object",
    "required": ["id", "item"],
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "item": {"type": "string", "nullable": True},
        "count": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        "placed": {"type": "string", "format": "date-time"},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}},
        "note": {"$ref": "#/components/schemas/Note"},
    },
}
NOTE = {"allOf": [{"type": "object", "properties": {"text": {"type": "string"}}}, {"properties": {"by": {}}}]}
CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}
ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
SHOP = {
    "openapi": "3.0.3",
    "servers": [{"url": "https://shop.example.no/api"}],
    "security": [{"key": []}],
    "components": {
        "schemas": {"Order": ORDER, "Note": NOTE},
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    },
    "paths": {
        "/orders": {
            "get": {
                "parameters": [
                    {"name": "limit", "in": "query", "required": True, "schema": {"type": "integer", "maximum": 100}},
                    {"name": "state", "in": "query", "schema": {"type": "array", "items": {"enum": ["new", "old"]}}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
                ],
                "responses": {"200": {"content": {"application/json": {"schema": {"type": "array"}}}}},
            },
            "post": {"requestBody": {"required": True, "content": CONTENT}, "responses": {"201": {"content": CONTENT}}},
        },
        "/orders/mine": {"get": {"security": [], "responses": {"204": {}}}},
        "/orders/{id}": {"parameters": [ID], "get": {"responses": {"200": {"content": CONTENT}, "404": {}}}},
    },
}
OLD_SHOP = {
    "swagger": "2.0",
    "basePath": "/api/v1",
    "produces": ["application/json"],
    "definitions": {"Order": {k: v for k, v in ORDER.items() if k != "properties"} | {"properties": {"item": {}}}},
    "paths": {
        "/orders/{id}": {
            "put": {
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "type": "integer"},
                    {"name": "fields", "in": "query", "type": "array", "items": {"enum": ["a", "b"]}},
                    {"name": "order", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Order"}},
                ],
                "responses": {"200": {"schema": {"type": "string"}}},
            }
        }
    },
}
KEY = {"X-Key": "k"}
ONE = {"id": 1, "item": "oar"}


def once(answer: Answer, document: dict[str, Any] = SHOP, **kwargs: Any) -> Callable[..., httpx.Response]:
    """A function that makes one request of a server of its own, which gives this answer."""

    def send(method: str, path: str, headers: dict[str, str] = KEY, **more: Any) -> httpx.Response:
        with ContractServer(document, lambda _: answer, **kwargs) as server:
            return httpx.request(method, server.url + path, headers=headers, **more)

    return send


def test_what_keeps_to_the_document_passes_on_both_sides() -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response(201, ONE, {"X-More": "1"})

    with ContractServer(SHOP, answer) as server:
        told = httpx.post(f"{server.url}/orders", headers=KEY, json={"item": None, "count": 1, "note": {"by": 1}})
    assert (told.status_code, told.json(), told.headers["X-More"]) == (201, ONE, "1")
    assert seen == server.requests
    assert (seen[0].operation, seen[0].path, seen[0].body["count"]) == ("POST /orders", "/orders", 1)


def test_path_parameters_are_decoded_and_an_encoded_slash_is_part_of_one() -> None:
    with ContractServer(SHOP, lambda _: Response(200, ONE)) as server:
        httpx.get(f"{server.url}/orders/a%2Fb", headers=KEY)
    assert server.requests[0].path_parameters == {"id": "a/b"}


def test_the_more_exact_path_comes_first() -> None:
    assert once(Response(204))("GET", "/orders/mine", headers={}).status_code == 204


def test_a_list_in_the_query_stands_once_for_each_value() -> None:
    assert once(Response(200, []))("GET", "/orders?limit=5&state=new&state=old").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "more", "reported"),
    [
        ("GET", "/nowhere", {}, "no such path"),
        ("DELETE", "/orders/1", {}, "no such method"),
        ("GET", "/orders", {}, "query parameter limit is missing"),
        ("GET", "/orders?limit=many", {}, "query parameter limit: 'many' is not of type 'integer'"),
        ("GET", "/orders?limit=101", {}, "greater than the maximum"),
        ("GET", "/orders?limit=1&limit=2", {}, "limit stands 2 times"),
        ("GET", "/orders?limit=1&state=lost", {}, "'lost' is not one of"),
        ("GET", "/orders?limit=1&colour=red", {}, "colour is not described"),
        ("GET", "/orders?limit=1", {"headers": {**KEY, "x-trace": "abc"}}, "header parameter X-Trace"),
        ("GET", "/orders?limit=1", {"headers": {}}, "no credential"),
        ("GET", "/orders/1", {"json": ONE}, "takes no body"),
        ("POST", "/orders", {}, "body is missing"),
        ("POST", "/orders", {"json": {}}, "'item' is a required property"),
        ("POST", "/orders", {"json": {"item": 7}}, "7 is not"),
        ("POST", "/orders", {"json": {"item": "oar", "count": 0}}, "count: 0 is less than or equal to"),
        ("POST", "/orders", {"json": {"item": "oar", "id": 1}}, "False schema does not allow 1"),
        ("POST", "/orders", {"json": {"item": "oar", "colour": "red"}}, "'colour' was unexpected"),
        ("POST", "/orders", {"json": {"item": "oar", "note": {"colour": "red"}}}, "'colour' was unexpected"),
        ("POST", "/orders", {"json": {"item": "oar", "placed": "yesterday"}}, "is not a 'date-time'"),
        ("POST", "/orders", {"json": {"item": "oar", "parts": [{"item": 7}]}}, "parts.0.item: 7 is not"),
        ("POST", "/orders", {"content": b"{", "headers": {**KEY, "Content-Type": "application/json"}}, "not JSON"),
        ("POST", "/orders", {"content": b"item=oar"}, "of no media type"),
    ],
)
def test_a_request_outside_the_document_is_answered_400_and_reported(
    method: str, path: str, more: dict[str, Any], reported: str
) -> None:
    with (
        pytest.raises(ContractBroken) as caught,
        ContractServer(SHOP, lambda _: pytest.fail("must not be asked")) as server,
    ):
        told = httpx.request(method, server.url + path, **{"headers": KEY, **more})
        assert told.status_code == 400
        assert reported in told.json()["message"]
    assert reported in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "reported"),
    [
        (Response(200, ONE), "no answer 200"),
        (Response(302, headers={"Location": "/"}), "no answer 302"),
        (Response(201, {"id": 1}), "'item' is a required property"),
        (Response(201, {**ONE, "id": "1"}), "id: '1' is not of type 'integer'"),
        (Response(201, {**ONE, "made_up": 1}), "'made_up' was unexpected"),
        (Response(201, "oar"), "answer 201 is text/plain"),
        (Response(201), "of no media type"),
        (Cut(Response(201, {})), "'id' is a required property"),
    ],
)
def test_an_answer_outside_the_document_is_reported(answer: Answer, reported: str) -> None:
    with pytest.raises(ContractBroken, match=reported):
        once(answer)("POST", "/orders", json={"item": "oar"})


def test_a_failure_of_the_tests_own_function_is_reported() -> None:
    with pytest.raises(ContractBroken, match="ZeroDivisionError"), ContractServer(SHOP, lambda _: 1 / 0) as server:
        assert httpx.get(f"{server.url}/orders/1", headers=KEY).status_code == 500


def test_a_failure_of_the_block_keeps_its_type_and_tells_the_violations_too() -> None:
    with pytest.raises(KeyError) as caught, ContractServer(SHOP, lambda _: Response(404)) as server:
        httpx.get(f"{server.url}/nowhere")
        raise KeyError
    assert "no such path" in caught.value.__notes__[0]


def test_a_failing_status_that_is_not_described_may_be_answered() -> None:
    told = once(Response(429, {"any": "thing"}, {"Retry-After": "7"}))("GET", "/orders/1")
    assert (told.status_code, told.headers["Retry-After"]) == (429, "7")


def test_a_connection_can_be_cut_before_and_within_an_answer() -> None:
    with pytest.raises(httpx.ReadError):
        once(Cut())("GET", "/orders/1")
    with pytest.raises(httpx.RemoteProtocolError, match="peer closed"):
        once(Cut(Response(200, ONE)))("GET", "/orders/1")


def test_a_slow_answer_lasts_until_the_client_gives_up() -> None:
    with pytest.raises(httpx.ReadTimeout):
        once(Slow())("GET", "/orders/1", timeout=0.2)


def test_a_swagger_document_is_held_to_as_well() -> None:
    send = once(Response(200, json.dumps("done"), {"Content-Type": "application/json"}), OLD_SHOP)
    order = {"item": "oar", "id": 1}
    with pytest.raises(ContractBroken, match="'id' was unexpected"):
        send("PUT", "/orders/1?fields=a,b", json=order)
    OLD_SHOP["definitions"]["Order"]["properties"]["id"] = {}
    assert send("PUT", "/orders/1?fields=a,b", json=order).json() == "done"
    for path, reported in {"/orders/x": "'x' is not of type", "/orders/1?fields=a,c": "'c' is not one of"}.items():
        with pytest.raises(ContractBroken, match=reported):
            send("PUT", path, json=order)


def test_a_form_is_read_as_an_object() -> None:
    form = {"name": "who", "in": "formData", "type": "string", "required": True}
    operation = {"consumes": ["application/x-www-form-urlencoded"], "parameters": [form], "responses": {"204": {}}}
    send = once(Response(204), {"swagger": "2.0", "paths": {"/sign": {"post": operation}}})
    assert send("POST", "/sign", data={"who": "Kari"}).status_code == 204
    with pytest.raises(ContractBroken, match="'who' is a required property"):
        send("POST", "/sign", data={"why": "x"})


def test_two_parameters_in_one_segment_and_one_over_several() -> None:
    rest = {"name": "rest", "in": "path", "required": True, "x-multi-segment": True, "schema": {"type": "string"}}
    paths = {"/diff/{a}...{b}": {"get": {"responses": {"204": {}}}}}
    paths["/files/{rest}"] = {"get": {"parameters": [rest], "responses": {"204": {}}}}
    contract = Contract({"openapi": "3.1.0", "paths": paths})
    assert contract.read("GET", "/diff/v1...v2", {}, b"")[1].path_parameters == {"a": "v1", "b": "v2"}
    assert contract.read("GET", "/files/a/b/c", {}, b"")[1].path_parameters == {"rest": "a/b/c"}


def test_the_server_speaks_tls_when_given_a_certificate() -> None:
    with pytest.raises(httpx.ConnectError):
        once(Response(404), tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))("GET", "/orders/1")
