"""The pages: what is known, put into a template, or as JSON of the same content."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import jinja2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from deployments.dashboard import files, words
from deployments.dashboard.matrix import SORTS, STATES, Matrix, chosen, counts, grouped, make_matrix
from deployments.dashboard.recorded import Records
from deployments.dashboard.releases import Released, customer_history, make_releases
from deployments.dashboard.sight import Seen, Sight
from tasks.config.model import Config
from tasks.gitops.dora import Dora, dora
from tasks.models import Value

HERE = Path(__file__).parent
STATIC = {"dashboard.css": "text/css", "dashboard.js": "text/javascript", "icon.svg": "image/svg+xml"}
PER_PAGE = 50
WEEKS = (4, 12, 26, 52)
MINUTE, YEAR = 60, 31_536_000


class Pages:
    """The handlers. Plain functions: Starlette runs them in threads, so a git that is slow keeps no other page waiting."""

    def __init__(self, configs: Sequence[Config]) -> None:
        self.sights = {c.app.name: Sight(c) for c in configs}
        self.records = {c.app.name: Records(c) for c in configs}
        self._made: dict[tuple[str, str], tuple[object, object]] = {}
        self.files = {name: (HERE / "static" / name).read_bytes() for name in STATIC}
        self.version = hashlib.sha256(b"".join(self.files.values())).hexdigest()[:12]
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        filters = {"lasting": words.lasting, "iso": words.iso, "percent": words.percent}
        self.templates.filters.update(filters)
        self.templates.globals.update(counted=words.counted, states=STATES)

    def start(self, request: Request) -> Response:
        """The only app, or a list of them."""
        if len(self.sights) == 1:
            return RedirectResponse(f"{_root(request)}/{next(iter(self.sights))}", 302)
        return self._html(request, "start.html", apps=sorted(self.sights), seen=None, app="")

    def health(self, _request: Request) -> Response:
        """Says that the process answers; not that the repositories do."""
        return JSONResponse({"status": "ok"})

    def static(self, request: Request) -> Response:
        """Style, script and icon; their address holds their version, so they may be kept for ever."""
        name = request.path_params["name"]
        if name not in self.files:
            raise HTTPException(404)
        keep = {"cache-control": f"public, max-age={YEAR}, immutable"}
        return Response(self.files[name], media_type=STATIC[name], headers=keep)

    def run_files(self, request: Request) -> Response:
        """What the suites of one run left on this machine."""
        run = request.path_params["run"]
        attempts = files.listed(run)
        if _wants_json(request):
            return _json(request, {"run": run, "attempts": attempts})
        traces = any(f["name"].endswith("trace.zip") for a in attempts for f in a["files"])
        return self._html(request, "files.html", app="", seen=None, run=run, attempts=attempts, traces=traces)

    def matrix(self, request: Request) -> Response:
        """Every customer with what it runs."""
        app, as_json = self._app(request, request.path_params["app"])
        seen = self._seen(app)
        matrix = self._matrix(app, seen)
        asked = _asked(request)
        rows = chosen(matrix.rows, **asked)
        if as_json:
            facts = matrix.model_copy(update={"rows": tuple(rows)}).model_dump(mode="json")
            return _json(request, {**_about(app, seen), "counts": matrix.counts, **facts})
        plain = asked == {"ring": "", "state": "", "name": "", "sort": "ring"}
        return self._html(
            request,
            "matrix.html",
            app=app,
            seen=seen,
            matrix=matrix,
            rows=rows,
            groups=grouped(rows),
            asked=asked,
            plain=plain,
            flat=asked["sort"] != "ring",
            parts_of=_parts(counts(matrix.rows)),
            rings={r.name: r for r in self.sights[app].config.rings},
            link=lambda **more: _query({**asked, **more}),
        )

    def releases(self, request: Request) -> Response:
        """Every release, newest first."""
        app, as_json = self._app(request, request.path_params["app"], request.url.path.endswith(".json"))
        seen = self._seen(app)
        found, page = self._releases(app, seen), _number(request, "page", 1)
        shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
        if as_json:
            return _json(request, {**_about(app, seen), "count": len(found), "releases": _plain(shown)})
        pages = max(1, -(-len(found) // PER_PAGE))
        return self._html(
            request, "releases.html", app=app, seen=seen, releases=shown, count=len(found), page=page, pages=pages
        )

    def release(self, request: Request) -> Response:
        """One release: its rings, its ways back, and the steps of its runs."""
        app, as_json = self._app(request, request.path_params["app"], asked=request.path_params["commit"])
        seen = self._seen(app)
        commit = request.path_params["commit"].removesuffix(".json").lower()
        found = [r for r in self._releases(app, seen) if len(commit) >= 7 and r.commit.startswith(commit)]
        if len(found) != 1:
            raise HTTPException(404)
        records = [self.records[app].of(run) for run in found[0].runs]
        if as_json:
            return _json(request, {**_about(app, seen), **_plain(found)[0], "records": _plain(records)})
        return self._html(request, "release.html", app=app, seen=seen, release=found[0], records=records)

    def customer(self, request: Request) -> Response:
        """One customer: what it runs and what happened to it."""
        app, as_json = self._app(request, request.path_params["app"], asked=request.path_params["name"])
        seen = self._seen(app)
        name = request.path_params["name"].removesuffix(".json")
        row = next((r for r in self._matrix(app, seen).rows if r.customer == name), None)
        history = customer_history(seen, name)
        if row is None and not history:
            raise HTTPException(404)
        if as_json:
            now = row.model_dump(mode="json") if row else None
            return _json(request, {**_about(app, seen), "customer": name, "now": now, "history": _plain(history)})
        return self._html(request, "customer.html", app=app, seen=seen, name=name, row=row, history=history)

    def dora(self, request: Request) -> Response:
        """The four figures, with what exactly is counted."""
        app, as_json = self._app(request, request.path_params["app"], request.url.path.endswith(".json"))
        seen = self._seen(app)
        weeks = _number(request, "weeks", 12)
        weeks = weeks if weeks in WEEKS else 12
        figures = self._figures(app, seen, weeks)
        if as_json:
            facts = {**figures.model_dump(mode="json"), "failure_rate": figures.failure_rate}
            return _json(request, {**_about(app, seen), **facts})
        return self._html(
            request, "dora.html", app=app, seen=seen, dora=figures, chart=_chart(figures.weeks), choices=WEEKS
        )

    def not_found(self, request: Request, _error: Exception) -> Response:
        """A page for what is not there."""
        return self._said(request, 404, "Not here", "There is no such page, customer or release.")

    def too_large(self, request: Request, _error: Exception) -> Response:
        """A page for a file that is not handed out."""
        return self._said(
            request, 413, "Too large", f"Look at it on the worker; files up to {files.MAX_BYTES} bytes are shown."
        )

    def not_yet(self, request: Request, _error: Exception) -> Response:
        """A page for the first look, when it takes long."""
        said = self._said(
            request, 503, "Not read yet", "The GitOps repository is read for the first time. Try again in a moment."
        )
        said.headers["retry-after"] = "5"
        return said

    def failed(self, request: Request, _error: Exception) -> Response:
        """A page for our own mistakes; the log has them, the page does not."""
        return self._said(request, 500, "That went wrong", "The log of the dashboard says why.")

    def _app(self, request: Request, name: str, as_json: bool = False, asked: str = "") -> tuple[str, bool]:
        """The app that is asked for, and whether JSON is."""
        as_json = as_json or f"{asked or name}".endswith(".json") or _wants_json(request)
        name = name if name in self.sights else name.removesuffix(".json")
        if name not in self.sights:
            raise HTTPException(404)
        return name, as_json

    def _seen(self, app: str) -> Seen:
        seen = self.sights[app].now()
        if seen is None:
            raise HTTPException(503)
        return seen

    def _matrix(self, app: str, seen: Seen) -> Matrix:
        return cast(Matrix, self._once(app, seen, "matrix", lambda: make_matrix(self.sights[app].config, seen)))

    def _releases(self, app: str, seen: Seen) -> tuple[Released, ...]:
        return cast(tuple[Released, ...], self._once(app, seen, "releases", lambda: make_releases(seen)))

    def _figures(self, app: str, seen: Seen, weeks: int) -> Dora:
        def make() -> Dora:
            committed = {c: m.when for c, m in seen.main.commits.items()}
            return dora(seen.history.events if seen.history else (), time.time(), weeks, committed)

        return cast(Dora, self._once(app, seen, f"dora of {weeks} weeks", make, time.time() // MINUTE))

    def _once(self, app: str, seen: Seen, what: str, make: Callable[[], object], *more: object) -> object:
        """Made once for each state of both branches: a thousand customers take a tenth of a second."""
        key = (seen.tip, seen.main.tip, seen.day, seen.fleet is None, *more)
        if self._made.get((app, what), (None,))[0] != key:
            self._made[app, what] = (key, make())
        return self._made[app, what][1]

    def _said(self, request: Request, status: int, title: str, text: str) -> Response:
        if _wants_json(request) or request.url.path.endswith(".json"):
            content = {"title": title, "status": status, "detail": text}
            return JSONResponse(content, status, media_type="application/problem+json")
        return self._html(request, "said.html", status=status, title=title, text=text, app="", seen=None)

    def _html(self, request: Request, template: str, status: int = 200, **facts: Any) -> Response:
        now = time.time()
        body = self.templates.get_template(template).render(
            root=_root(request),
            version=self.version,
            now=now,
            ago=lambda when: words.ago(when, now),
            single=len(self.sights) == 1,
            **facts,
        )
        return _kept(request, Response(body, status, media_type="text/html"))


def _root(request: Request) -> str:
    """The path that the dashboard is mounted at, without a slash at its end."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def _wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept


def _asked(request: Request) -> dict[str, str]:
    """What the matrix is filtered and sorted by; what it does not know is left out."""
    given = request.query_params
    state, sort = given.get("state", ""), given.get("sort", "ring")
    return {
        "ring": given.get("ring", "")[:63],
        "state": state if state in STATES else "",
        "name": given.get("name", "").strip()[:63],
        "sort": sort if sort in SORTS else "ring",
    }


def _query(asked: Mapping[str, str]) -> str:
    """The query of a link to the matrix; what is the default is left out."""
    found = {k: v for k, v in asked.items() if v and (k, v) != ("sort", "ring")}
    return f"?{urlencode(found)}" if found else "?"


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 5 and int(text) else otherwise


def _parts(found: Mapping[str, int]) -> list[dict[str, Any]]:
    """The states as parts of a bar, in percent from the left: fine ones first, none too narrow to be seen."""
    order = [s for s in reversed(STATES) if s in found]
    wide = {s: max(found[s], sum(found.values()) / 100) for s in order}
    whole, left, parts = sum(wide.values()), 0.0, []
    for state in order:
        width = 100 * wide[state] / whole
        parts.append({"state": state, "count": found[state], "left": round(left, 3), "width": round(width, 3)})
        left += width
    return parts


def _chart(weeks: Sequence[Any]) -> list[dict[str, Any]]:
    """The weeks as columns of a drawing that is 100 high: from the top, `top` to 100, `failed_top` to 100 of it failed."""
    most = max([w.deployments for w in weeks] + [4])
    return [
        {"week": w, "height": round(100 * w.deployments / most, 2), "failed": round(100 * w.failed / most, 2)}
        for w in weeks
    ]


def _about(app: str, seen: Seen) -> dict[str, Any]:
    """What every JSON answer begins with."""
    facts = {"app": app, "tip": seen.tip, "seen_at": words.iso(seen.at), "stale": seen.silent}
    return {**facts, "notices": list(seen.notices)}


def _plain(values: Sequence[Value]) -> list[Any]:
    return [v.model_dump(mode="json") for v in values]


def _json(request: Request, content: Any) -> Response:
    return _kept(request, Response(json.dumps(content), media_type="application/json"))


def _kept(request: Request, response: Response) -> Response:
    """With a tag of its content, so that a browser that has it already is told so and gets nothing twice."""
    tag = f'W/"{hashlib.sha256(bytes(response.body)).hexdigest()[:20]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache", "vary": "accept"}
    if response.status_code == 200 and tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response
