"""A real HTTP server that holds a client to a published OpenAPI document, and the test's own answers too.

    with ContractServer(document, answer) as server:
        client(server.url).do_something()

`document` is OpenAPI 3.x or Swagger 2.0, as a dict. `answer` gets every request that the document allows and returns a
`Response`, a `Cut` or a `Slow`; it may be called from several threads at once. A request outside the document is
answered 400 with the reason, an answer outside it 500, and both raise `ContractBroken` at the end of the `with` block.

Stricter than the documents: a query parameter or a property that is not described is a violation, since a real server
would ignore it in silence. Looser in one place: a status of 500 and more, and one of 400 and more that an operation does
not describe or describes without a body, may be answered with any body: gateways and limits stand before every server.
"""

import datetime
import json
import os
import re
import select
import socket
import ssl
import struct
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import jsonschema

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
CONNECT_TIMEOUT_SECONDS = 30
COMPOSED = ("allOf", "anyOf", "oneOf")
FORMATS = jsonschema.FormatChecker(formats=())


class ContractBroken(AssertionError):
    """A request or an answer was outside the document; says which and how, one paragraph each."""


@dataclass(frozen=True)
class Request:
    """A request as the document sees it. `operation` is the method and the path's template: `GET /repos/{owner}`."""

    operation: str
    path: str
    path_parameters: dict[str, str]
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Response:
    """An answer. A body of str or bytes goes out as it is, anything else as JSON; None is no body at all."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> tuple[bytes, str]:
        """Bytes and media type."""
        stated = next((v for k, v in self.headers.items() if k.lower() == "content-type"), "")
        if self.body is None:
            return b"", stated
        if isinstance(self.body, bytes | str):
            text = self.body.encode() if isinstance(self.body, str) else self.body
            return text, stated or "text/plain; charset=utf-8"
        return json.dumps(self.body).encode(), stated or "application/json"


@dataclass(frozen=True)
class Cut:
    """The connection is reset: before any answer, or in the middle of the body of one."""

    response: Response | None = None


@dataclass(frozen=True)
class Slow:
    """No answer until the client gives up."""


Answer = Response | Cut | Slow


class ContractServer:
    """The server, for a `with` block. `requests` are those that kept to the document, in the order they came."""

    def __init__(
        self, document: dict[str, Any], answer: Callable[[Request], Answer], *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.contract, self.answer, self.tls = Contract(document), answer, tls
        self.requests: list[Request] = []
        self.violations: list[str] = []

    @property
    def url(self) -> str:
        """Address with the document's base path, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._http.server_port}{self.contract.base}"

    def __enter__(self) -> "ContractServer":
        self._stopped, self._stop = socket.socketpair()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self._http.daemon_threads, self._http.handle_error = True, lambda *_: None
        if self.tls:
            self._http.socket = self.tls.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._stop.close()  # wakes every `Slow`
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._stopped.close()
        if not self.violations:
            return
        told = "\n\n".join(self.violations)
        if error is None:
            raise ContractBroken(told)
        error.add_note(f"The contract was broken as well:\n{told}")

    def respond(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        """The answer to one request; what breaks the contract is kept and answered 400 or 500."""
        try:
            operation, request = self.contract.read(method, target, headers, raw)
        except ContractBroken as broken:
            return self._broken(400, f"{method} {target}: {broken}")
        self.requests.append(request)
        try:
            answer = self.answer(request)
            response = answer.response if isinstance(answer, Cut) else answer
            if isinstance(response, Response):
                self.contract.check_response(operation, response)
        except ContractBroken as broken:
            return self._broken(500, f"the test's answer to {method} {target}: {broken}")
        except Exception:  # noqa: BLE001 - whatever a test's function raises must reach the test, not die in a thread
            return self._broken(500, f"the test could not answer {method} {target}: {traceback.format_exc()}")
        return answer

    def wait_for_hang_up(self, connection: socket.socket) -> None:
        """Returns when the client has closed its connection, or when the server stops."""
        select.select([connection, self._stopped], [], [])

    def _broken(self, status: int, reason: str) -> Response:
        self.violations.append(reason)
        return Response(status, {"message": f"contract: {reason}"})


class _Handler(BaseHTTPRequestHandler):
    """Bytes in, bytes out; everything else is the owner's."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = CONNECT_TIMEOUT_SECONDS
    owner: ContractServer

    def handle_any(self) -> None:
        answer = self.owner.respond(self.command, self.path, self.headers, self._body())
        if isinstance(answer, Slow):
            self.owner.wait_for_hang_up(self.connection)
            self.close_connection = True
        elif isinstance(answer, Cut):
            self._cut(answer)
        else:
            self._send(answer, len(answer.content()[0]))

    do_GET = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_HEAD = do_PATCH = do_TRACE = handle_any  # noqa: N815

    def _send(self, response: Response, upto: int) -> None:
        content, media = response.content()
        self.send_response(response.status)
        for name, value in response.headers.items():
            if name.lower() not in ("content-type", "content-length"):
                self.send_header(name, value)
        if media:
            self.send_header("Content-Type", media)
        if response.status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:upto])

    def _cut(self, cut: Cut) -> None:
        if cut.response:
            self._send(cut.response, len(cut.response.content()[0]) // 2)
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)  # a reset could throw the first half away with it
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())  # a reset, not the polite end that the server would send first
        self.close_connection = True

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, *_: object) -> None:
        """Says nothing: what matters is raised at the end."""


@dataclass(frozen=True)
class Parameter:
    """One described parameter; `style` says how a list of values is written: multi, or csv, ssv, tsv, pipes."""

    name: str
    place: Literal["path", "query", "header", "cookie"]
    required: bool
    schema: Any
    style: str = "multi"


@dataclass(frozen=True)
class Operation:
    """One method of one path, the same for OpenAPI 3 and Swagger 2. Schemas are by media type; None is any content."""

    name: str
    parameters: tuple[Parameter, ...]
    bodies: dict[str, Any]
    body_required: bool
    answers: dict[str, dict[str, Any]]
    security: list[dict[str, list[str]]]


class Contract:
    """An OpenAPI 3.x or Swagger 2.0 document, ready to judge requests and answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.swagger = "swagger" in document
        servers = document.get("servers") or [{"url": "/"}]
        base = document.get("basePath", "/") if self.swagger else urlsplit(servers[0]["url"]).path
        self.base = "" if "{" in base else base.rstrip("/")
        # A template with fewer parameters is the more exact one: /users/me comes before /users/{id}.
        self._paths = sorted(document["paths"], key=lambda path: (path.count("{"), path))
        self._patterns: dict[str, tuple[re.Pattern[str], list[str]]] = {}
        self._schemas = {way: Schemas(document, way) for way in ("request", "answer")}

    def read(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> tuple[Operation, Request]:
        """The operation and the request, its body parsed. Raises `ContractBroken` with everything that is wrong."""
        url = urlsplit(target)
        path, values = self._match(url.path, method.lower())
        operation = self._operation(path, method.lower())
        query = parse_qs(url.query, keep_blank_values=True)
        wrong = [*self._security(operation, headers, query), *self._parameters(operation, values, query, headers)]
        body = None
        try:
            body = self._body(operation, headers.get("Content-Type", ""), raw)
        except ContractBroken as broken:
            wrong.append(str(broken))
        if wrong:
            raise ContractBroken("; ".join(wrong))
        return operation, Request(operation.name, url.path.removeprefix(self.base), values, query, headers, body)

    def check_response(self, operation: Operation, response: Response) -> None:
        """Raises `ContractBroken` when the operation describes no such status, media type or body."""
        content, media = response.content()
        key = next((k for k in (str(response.status), f"{response.status // 100}XX") if k in operation.answers), None)
        if response.status >= 500 or (key is None and response.status >= 400):
            return
        key = key or ("default" if "default" in operation.answers else None)
        if key is None:
            raise ContractBroken(f"{operation.name} has no answer {response.status}")
        described = operation.answers[key]
        if not described:
            if content and response.status < 400:
                raise ContractBroken(f"answer {response.status} has no body")
            return
        schema = _by_media(described, media, f"answer {response.status}")
        value = _parse(content, media, f"answer {response.status}")
        if wrong := self._schemas["answer"].errors(schema, value, f"answer {response.status}"):
            raise ContractBroken("; ".join(wrong))

    def _match(self, path: str, method: str) -> tuple[str, dict[str, str]]:
        if not path.startswith(self.base + "/"):
            raise ContractBroken(f"the path is not under {self.base}")
        found = []
        for template in self._paths:
            pattern, names = self._pattern(template)
            if match := pattern.fullmatch(path.removeprefix(self.base)):
                found.append(template)
                if method in self._at(self.document["paths"][template]):
                    return template, dict(zip(names, map(unquote, match.groups()), strict=True))
        raise ContractBroken(f"{found[0]} has no such method" if found else "there is no such path")

    def _pattern(self, template: str) -> tuple[re.Pattern[str], list[str]]:
        """Template as an expression over the path as it is sent: an encoded slash does not end a segment."""
        if template not in self._patterns:
            multi = {
                p["name"]
                for item in self._at(self.document["paths"][template]).values()
                for p in map(self._at, item.get("parameters", ()) if isinstance(item, dict) else ())
                if p.get("x-multi-segment")
            }
            parts = re.split(r"\{([^}]+)\}", template)
            names = parts[1::2]
            groups = ["(.+)" if name in multi else "([^/]+)" for name in names]
            text = "".join(re.escape(fixed) + group for fixed, group in zip(parts[::2], [*groups, ""], strict=True))
            self._patterns[template] = re.compile(text), names
        return self._patterns[template]

    def _operation(self, path: str, method: str) -> Operation:
        item = self._at(self.document["paths"][path])
        stated = item[method]
        named = {(p["name"], p["in"]): p for p in map(self._at, item.get("parameters", []))}
        named |= {(p["name"], p["in"]): p for p in map(self._at, stated.get("parameters", []))}
        bodies, required = self._bodies(stated, list(named.values()))
        return Operation(
            name=f"{method.upper()} {path}",
            parameters=tuple(map(self._parameter, (p for p in named.values() if p["in"] not in ("body", "formData")))),
            bodies=bodies,
            body_required=required,
            answers={
                str(s).upper().replace("DEFAULT", "default"): self._answer(stated, r)
                for s, r in stated["responses"].items()
            },
            security=stated.get("security", self.document.get("security", [])),
        )

    def _parameter(self, stated: dict[str, Any]) -> Parameter:
        schema = stated.get("schema")
        if schema is None and "content" in stated:
            schema = next(iter(stated["content"].values())).get("schema", {})
        style = stated.get("collectionFormat", "csv")
        if not self.swagger:
            form = stated.get("style", "form" if stated["in"] in ("query", "cookie") else "simple")
            explode = stated.get("explode", form == "form")
            style = (
                "multi"
                if explode and form == "form"
                else {"spaceDelimited": "ssv", "pipeDelimited": "pipes"}.get(form, "csv")
            )
        swagger = {k: v for k, v in stated.items() if k not in ("name", "in", "required", "description")}
        required = stated.get("required", False)
        return Parameter(stated["name"], stated["in"], required, swagger if schema is None else schema, style)

    def _bodies(self, stated: dict[str, Any], parameters: list[dict[str, Any]]) -> tuple[dict[str, Any], bool]:
        if not self.swagger:
            body = self._at(stated.get("requestBody", {}))
            return {m: c.get("schema") for m, c in body.get("content", {}).items()}, body.get("required", False)
        medias = stated.get("consumes") or self.document.get("consumes") or ["application/json"]
        if body := next((p for p in parameters if p["in"] == "body"), None):
            return dict.fromkeys(medias, body.get("schema")), body.get("required", False)
        fields = [p for p in parameters if p["in"] == "formData"]
        schema = {
            "type": "object",
            "properties": {
                p["name"]: {k: v for k, v in p.items() if k not in ("name", "in", "required")} for p in fields
            },
            "required": [p["name"] for p in fields if p.get("required")],
        }
        return (dict.fromkeys(medias, schema), bool(schema["required"])) if fields else ({}, False)

    def _answer(self, stated: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
        response = self._at(response)
        if not self.swagger:
            return {media: content.get("schema") for media, content in response.get("content", {}).items()}
        medias = stated.get("produces") or self.document.get("produces") or ["application/json"]
        return dict.fromkeys(medias, response["schema"]) if "schema" in response else {}

    def _parameters(
        self, operation: Operation, path: dict[str, str], query: dict[str, list[str]], headers: Mapping[str, str]
    ) -> Iterator[str]:
        sent = {"path": {k: [v] for k, v in path.items()}, "query": dict(query)}
        sent["header"] = {k.lower(): [v] for k, v in headers.items()}
        for parameter in operation.parameters:
            name = parameter.name.lower() if parameter.place == "header" else parameter.name
            values = sent.get(parameter.place, {}).pop(name, None)
            # Some documents name a list with its brackets, clients know it either way.
            values = values if values is not None else sent["query"].pop(f"{name}[]", None)
            what = f"{parameter.place} parameter {parameter.name}"
            if values is None:
                if parameter.required and parameter.place != "cookie":
                    yield f"{what} is missing"
            elif parameter.place != "header" or name not in ("accept", "content-type", "authorization"):
                yield from self._value(parameter, values, what)
        keys = {s.get("name") for s in self._security_schemes().values() if s.get("in") == "query"}
        yield from (f"query parameter {name} is not described" for name in sent["query"] if name not in keys)

    def _value(self, parameter: Parameter, values: list[str], what: str) -> Iterator[str]:
        schemas = self._schemas["request"]
        shape = schemas.shape(parameter.schema)
        if shape == "array" and parameter.style != "multi":
            separator = {"ssv": " ", "tsv": "\t", "pipes": "|"}.get(parameter.style, ",")
            values = [v for value in values for v in value.split(separator) if value]
        elif shape != "array" and len(values) > 1:
            yield f"{what} stands {len(values)} times"
            return
        readings = [values] if shape == "array" else [values[0]]
        # Text is all that a URL carries: the value fits when one reading of it does.
        readings = [r for v in readings for r in _readings(v)]
        errors = [list(schemas.errors(parameter.schema, r, what)) for r in readings]
        if all(errors):
            yield from errors[-1]

    def _body(self, operation: Operation, media: str, raw: bytes) -> Any:
        if not raw:
            if operation.body_required:
                raise ContractBroken("the body is missing")
            return None
        if not operation.bodies:
            if raw.strip() in (b"{}", b"null"):  # what clients send for no arguments
                return None
            raise ContractBroken(f"{operation.name} takes no body")
        schema = _by_media(operation.bodies, media, "the body")
        value = _parse(raw, media, "the body")
        if wrong := self._schemas["request"].errors(schema, value, "body"):
            raise ContractBroken("; ".join(wrong))
        return value

    def _security_schemes(self) -> dict[str, Any]:
        schemes = self.document.get("securityDefinitions") or self.document.get("components", {}).get("securitySchemes")
        return {name: self._at(scheme) for name, scheme in (schemes or {}).items()}

    def _security(self, operation: Operation, headers: Mapping[str, str], query: dict[str, Any]) -> Iterator[str]:
        """One of the alternatives must be there; whether the credential is right is for the test's answer."""
        schemes = self._security_schemes()

        def there(scheme: dict[str, Any]) -> bool:
            if scheme["type"] == "apiKey":
                return scheme["name"] in query if scheme["in"] == "query" else scheme["name"].lower() in names
            return "authorization" in names

        names = {k.lower() for k in headers}
        if operation.security and not any(all(there(schemes[n]) for n in one) for one in operation.security):
            yield f"no credential; one of {', '.join(' and '.join(one) for one in operation.security)} is asked for"

    def _at(self, node: Any) -> Any:
        """What a node stands for, references followed."""
        return resolve(self.document, node)


class Schemas:
    """The document's schemas as JSON Schema 2020-12, converted when they are first used.

    For requests `readOnly` properties are forbidden and not required, for answers `writeOnly` ones.
    """

    def __init__(self, document: dict[str, Any], way: Literal["request", "answer"]) -> None:
        self.document = document
        self.hidden = "readOnly" if way == "request" else "writeOnly"
        self.modern = str(document.get("openapi", "")).startswith("3.1")
        self._definitions: dict[str, Any] = {}
        self._converting = threading.Lock()  # a schema that is half converted must not judge another request

    def errors(self, schema: Any, value: Any, what: str) -> list[str]:
        """Everything wrong with a value, in words; nothing when any value is right (schema None)."""
        if schema is None:
            return []
        with self._converting:
            whole = {**self.convert(schema, closed=True), "$defs": dict(self._definitions)}
        found = jsonschema.Draft202012Validator(whole, format_checker=FORMATS).iter_errors(value)
        return [_told(error, what) for error in found]

    def shape(self, schema: Any) -> str | None:
        """The type a schema states, references followed."""
        stated = resolve(self.document, schema or {})
        return (
            next((self.shape(s) for k in COMPOSED for s in stated.get(k, ())), None)
            if "type" not in stated
            else stated["type"]
        )

    def convert(self, schema: Any, *, closed: bool) -> Any:
        """One schema in the 2020-12 words. `closed`: properties that nothing describes are refused."""
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            result = {"$ref": f"#/$defs/{self._define(schema['$ref'])}"}
        else:
            result = {k: self._keyword(k, v, schema) for k, v in schema.items() if not self._is_dropped(k, v)}
            self._hide(schema, result)
            self._adopt_3_0(schema, result)
        if closed and self._describes_properties(schema):
            result["unevaluatedProperties"] = False
        return result

    def _keyword(self, key: str, value: Any, schema: dict[str, Any]) -> Any:
        if key in COMPOSED:
            return [self.convert(s, closed=False) for s in value]
        if key in ("properties", "patternProperties"):
            return {name: self.convert(s, closed=True) for name, s in value.items()}
        if key in ("items", "additionalProperties", "not"):
            return self.convert(value, closed=key != "not")
        return value

    def _is_dropped(self, key: str, value: Any) -> bool:
        named = ("nullable", "discriminator", "xml", "example", "examples", "externalDocs", "deprecated", "default")
        return key in named or key.startswith("x-") or (key.startswith("exclusive") and isinstance(value, bool))

    def _hide(self, schema: dict[str, Any], result: dict[str, Any]) -> None:
        hidden = {n for n, s in schema.get("properties", {}).items() if isinstance(s, dict) and s.get(self.hidden)}
        result.get("properties", {}).update(dict.fromkeys(hidden, False))
        if isinstance(schema.get("required"), list):
            result["required"] = [name for name in schema["required"] if name not in hidden]
        elif "required" in result:
            del result["required"]  # Swagger's boolean, which belongs to the parameter

    def _adopt_3_0(self, schema: dict[str, Any], result: dict[str, Any]) -> None:
        for bound in ("Minimum", "Maximum"):
            if schema.get(f"exclusive{bound}") is True:
                result[f"exclusive{bound}"] = result.pop(bound.lower())
        if result.get("type") == "file":
            del result["type"]
        if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
            result["type"] = ["integer", "string"]
        if schema.get("nullable") or schema.get("x-nullable"):
            kept = dict(result)
            result.clear()
            result["anyOf"] = [kept, {"type": "null"}]

    def _describes_properties(self, schema: Any) -> bool:
        """Whether it names properties and leaves open whether there are others; a free object is left free."""
        stated = resolve(self.document, schema)
        if not isinstance(stated, dict) or {"additionalProperties", "unevaluatedProperties"} & stated.keys():
            return False
        return "properties" in stated or any(self._describes_properties(s) for k in COMPOSED for s in stated.get(k, ()))

    def _define(self, pointer: str) -> str:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", pointer)
        if name not in self._definitions:
            self._definitions[name] = {}  # a schema may refer to itself
            self._definitions[name] = self.convert(resolve(self.document, {"$ref": pointer}), closed=False)
        return name


def resolve(document: dict[str, Any], node: Any) -> Any:
    """A node of the document, references inside the document followed to their end."""
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        place = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            place = place[int(key)] if isinstance(place, list) else place[key]
        node = place
    return node


def _by_media(described: dict[str, Any], media: str, what: str) -> Any:
    """The schema for a media type: exactly it, a range with it, or JSON under another name."""
    sent = media.partition(";")[0].strip().lower()
    by_name = {name.partition(";")[0].strip().lower(): schema for name, schema in described.items()}
    for name in (sent, f"{sent.partition('/')[0]}/*", "*/*"):
        if name in by_name:
            return by_name[name]
    if sent.endswith("json"):
        for name, schema in by_name.items():
            if name.endswith("json"):
                return schema
    raise ContractBroken(f"{what} is {sent or 'of no media type'}; described: {', '.join(described)}")


def _parse(content: bytes, media: str, what: str) -> Any:
    kind = media.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return {k: v[0] if len(v) == 1 else v for k, v in parse_qs(content.decode(), keep_blank_values=True).items()}
    if not kind.endswith("json"):
        return content.decode("utf-8", "replace")
    try:
        return json.loads(content)
    except ValueError as error:
        raise ContractBroken(f"{what} is not JSON: {error}") from error


def _readings(value: Any) -> list[Any]:
    """What a text from a URL may mean: itself, or the JSON that it spells."""
    if isinstance(value, list):
        spelled = [_readings(v) for v in value]
        return [[r[0] for r in spelled], [r[-1] for r in spelled]]
    try:
        spelled = json.loads(value)
    except ValueError:
        return [value]
    return [value, spelled] if isinstance(spelled, bool | int | float) else [value]


def _told(error: jsonschema.ValidationError, what: str) -> str:
    # Of several alternatives the one that fits best says more than "is not valid under any".
    best = jsonschema.exceptions.best_match([error]) if error.context else error
    place = ".".join(map(str, best.absolute_path))
    return f"{what}{f' {place}' if place else ''}: {best.message[:500]}"


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: Any) -> bool:
    """RFC 3339: a date, a time and where it is."""
    return not isinstance(value, str) or datetime.datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("date", raises=ValueError)
def _is_date(value: Any) -> bool:
    return not isinstance(value, str) or bool(datetime.date.fromisoformat(value))


@FORMATS.checks("int32")
def _is_int32(value: Any) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@FORMATS.checks("int64")
def _is_int64(value: Any) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63
