"""Asks Argo CD's API how customers' applications are: one by one, or with one list for all of them."""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tasks.config.model import Config
from tasks.config.rollout import ArgoCD
from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.models import Release
from tasks.rollout import argocd_images
from tasks.rollout.answers import LONGEST_BODY, NotThere, check, document, unreachable
from tasks.rollout.argocd_application import Application, delay
from tasks.rollout.guarded import sight_of
from tasks.rollout.planned import planned_images
from tasks.rollout.sight import Seen, Sight, Waiting, short
from tasks.rollout.synced import Synced
from tasks.rollout.token import read_token
from tasks.rollout.trust import trusted

if TYPE_CHECKING:
    import httpx

ANSWER_SECONDS = 20.0
REFRESH_SECONDS = 30.0
REFRESHES_PER_LOOK = 16  # a refresh is answered when it is done; more would keep those waiting who are done already
QUESTIONS_AT_ONCE = 8
RIGHT = "get applications"


class Applications:
    """The applications of one Argo CD server. Safe for threads."""

    def __init__(self, config: Config, release: Release, synced: Mapping[str, Synced]) -> None:
        import httpx

        settings = config.rollout.argocd
        assert settings is not None  # noqa: S101  the configuration's own check
        self._settings: ArgoCD = settings
        self._repository = settings.repository or config.gitops.repository
        self._planned = planned_images(config, release, settings.components, settings.images)
        # Where the pods themselves are looked at, what Argo CD knows of their images is neither needed nor enough.
        self._images = config.rollout.kubernetes is None
        self._synced = synced
        self._asked: dict[str, float] = {}
        self._left = 0
        self._lock = threading.Lock()
        # Without a file httpx's own list of authorities is taken, which SSL_CERT_FILE replaces as everywhere.
        verify = trusted(settings) if settings.ca_file else True
        self._client: httpx.Client = httpx.Client(timeout=ANSWER_SECONDS, verify=verify, follow_redirects=False)

    def where(self, customer: str) -> str:
        """The application's page, for a person."""
        return f"{self._url(customer)}/applications/{self._name(customer)}"

    def key(self, customer: str) -> str:
        """What tells the customers apart that one look can show: without a selector each is asked for by itself."""
        return self._url(customer) if self._settings.selector else customer

    def look(self, customers: Sequence[str]) -> dict[str, Sight]:
        """How each customer is. What concerns one of them is its own sight; what concerns the server is raised."""
        self._left = REFRESHES_PER_LOOK
        with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as pool:
            if len(customers) == 1 or not self._settings.selector:
                return dict(zip(customers, pool.map(self._look, customers), strict=True))
            listed = self._list(customers[0])
            return dict(zip(customers, pool.map(lambda c: self._look(c, listed), customers), strict=True))

    def _look(self, customer: str, listed: Mapping[tuple[str, str], Application] | None = None) -> Sight:
        return sight_of(customer, lambda: self._judge(customer, listed))

    def _judge(self, customer: str, listed: Mapping[tuple[str, str], Application] | None) -> Sight:
        application = self._listed(customer, listed) if listed is not None else self._get(customer)
        if application is None:
            return Waiting(f"no application {self._name(customer)}", missing=True)
        waiting = delay(application, self._repository, self._synced[customer])
        if waiting and self._may_refresh(customer):
            application = self._get(customer, refresh=True) or application
            waiting = delay(application, self._repository, self._synced[customer])
        return waiting or self._running(customer, application)

    def _running(self, customer: str, application: Application) -> Sight:
        status = application["status"]
        synced = f"synced {short(self._revision(status))}, Healthy"
        versions = {component: digest for component, (_, digest) in self._planned.items()}
        if not self._images:
            return Seen(versions=versions, words=synced)
        found = (status.get("summary") or {}).get("images") or []
        other = argocd_images.differences(found, self._planned)
        if other:
            other = argocd_images.differences(argocd_images.serving_images(self._tree(customer)), self._planned)
        if other:
            return Waiting(f"{synced}, but {other}", next_step=_next_step(other))
        return Seen(versions=versions, words=f"{synced}, runs {_told(versions)}")

    @staticmethod
    def _revision(status: Mapping[str, Any]) -> str:
        sync = status.get("sync") or {}
        return sync.get("revision") or ", ".join(sync.get("revisions") or [])

    def _may_refresh(self, customer: str) -> bool:
        """Whether to ask for a comparison now: Argo CD looks at git every few minutes only, and answers when it has."""
        with self._lock:
            now = time.monotonic()
            lately = customer in self._asked and now - self._asked[customer] < REFRESH_SECONDS
            if not self._settings.refresh or not self._left or lately:
                return False
            self._left -= 1
            self._asked[customer] = now
            return True

    def _get(self, customer: str, refresh: bool = False) -> Application | None:
        query = self._query(customer) | ({"refresh": "normal"} if refresh else {})
        try:
            return self._ask(
                customer, f"/api/v1/applications/{quote(self._name(customer))}", query, self._right(customer)
            )
        except NotThere:
            return None
        except ReleaseRefused as error:
            # Without a project Argo CD answers 403 for an application that is not there, so as not to tell which are.
            if self._settings.project is None and error.reasons[0].what.startswith("the token lacks"):
                raise NotThere.because(
                    f"{error.reasons[0].what}, or there is no such application; rollout.argocd.project tells them apart"
                ) from error
            raise

    def _list(self, customer: str) -> dict[tuple[str, str], Application]:
        query = {"selector": self._settings.selector or ""}
        if self._settings.project and "{customer}" not in self._settings.project:
            query["projects"] = self._settings.project
        answer = self._ask(customer, "/api/v1/applications", query, RIGHT)
        found = answer.get("items") or []
        return {(a["metadata"].get("namespace", ""), a["metadata"]["name"]): a for a in found}

    def _listed(self, customer: str, listed: Mapping[tuple[str, str], Application]) -> Application | None:
        namespace, name = self._for(customer, self._settings.app_namespace), self._name(customer)
        if namespace:
            return listed.get((namespace, name))
        return next((a for (_, n), a in listed.items() if n == name), None)

    def _tree(self, customer: str) -> dict[str, Any]:
        path = f"/api/v1/applications/{quote(self._name(customer))}/resource-tree"
        return self._ask(customer, path, self._query(customer), self._right(customer))

    def _ask(self, customer: str, path: str, query: Mapping[str, str], right: str) -> dict[str, Any]:
        """One GET. The token is read for each: it may have been renewed. Raises what `answers.check` raises."""
        import httpx

        url = self._url(customer) + path
        headers = {"Authorization": f"Bearer {read_token(self._settings)}", "Accept": "application/json"}
        try:
            with self._client.stream("GET", url, params=query, headers=headers) as answer:
                body = _read(answer, url)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise unreachable(error, url) from error
        check(answer.status_code, answer.headers, body, url, right)
        return document(body, url)

    def _query(self, customer: str) -> dict[str, str]:
        settings = self._settings
        query = {"appNamespace": settings.app_namespace, "project": settings.project}
        return {key: self._for(customer, value) for key, value in query.items() if value}

    def _right(self, customer: str) -> str:
        project = self._for(customer, self._settings.project) or "its project"
        return f"{RIGHT}, {project}/{self._name(customer)}"

    def _name(self, customer: str) -> str:
        return self._for(customer, self._settings.application)

    def _url(self, customer: str) -> str:
        return self._for(customer, self._settings.url)

    @staticmethod
    def _for(customer: str, pattern: str | None) -> str:
        return (pattern or "").replace("{customer}", customer)


def _read(answer: "httpx.Response", url: str) -> bytes:
    """The body, to a limit: an answer without end must not fill the worker's memory."""
    body = bytearray()
    for part in answer.iter_bytes():
        body += part
        if len(body) > LONGEST_BODY:
            raise ServiceUnavailable.because(f"an answer of more than {LONGEST_BODY} bytes", url)
    return bytes(body)


def _next_step(words: str) -> str:
    if "a tag, which" in words:
        return "let the GitOps file carry digests, or describe the workloads in rollout.kubernetes"
    if "no pod has" in words:
        return "name the repository that a mirror gives it in rollout.argocd.images"
    return ""


def _told(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{component} {short(digest)}" for component, digest in versions.items())
