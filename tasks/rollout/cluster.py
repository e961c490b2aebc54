"""The Kubernetes API by the official client: how it is reached, and answers as plain JSON."""

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tasks.config.rollout import Cluster
from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.rollout.answers import LONGEST_BODY, check, document, unreachable
from tasks.rollout.token import read_token
from tasks.rollout.trust import trusted

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

ANSWER_SECONDS = (5.0, 20.0)
PAGE = 500
GONE = 410


class Api:
    """One cluster's API. Reads only. Safe for threads: the client keeps a pool of connections."""

    def __init__(self, settings: Cluster, customer: str) -> None:
        self._client = _connect(settings, customer)
        self.where = str(self._client.configuration.host)

    def read(self, path: str, right: str) -> dict[str, Any]:
        """One object. `path` is below the API's root, its parts quoted. Raises what `answers.check` raises."""
        return self._ask(path, {}, right)

    def items(self, path: str, right: str, selector: str | None = None) -> list[dict[str, Any]]:
        """All objects of a list, page by page; begun anew when a page's token has run out meanwhile (410)."""
        query: dict[str, str] = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        found: list[dict[str, Any]] = []
        while True:
            answer = self._ask(path, query, right)
            found += answer.get("items") or []
            if not (token := (answer.get("metadata") or {}).get("continue")):
                return found
            query = query | {"continue": token}

    def _ask(self, path: str, query: Mapping[str, str], right: str) -> dict[str, Any]:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        where = self.where + path
        try:
            status, headers, body = self._get(path, query)
        except ApiException as error:
            # The client's word for a TLS failure; answers of the server come back as they are.
            raise unreachable(error, where) from error
        except (HTTPError, OSError) as error:
            raise unreachable(error, where) from error
        if status == GONE:
            raise ServiceUnavailable.because("the list changed while it was read (HTTP 410)", where)
        check(status, headers, body, where, right)
        return document(body, where)

    def _get(self, path: str, query: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        """The raw answer: the client's typed objects cost much time with thousands of pods, and refuse unknown ones."""
        client = self._client
        method, url, headers, body, post = client.param_serialize(
            method="GET",
            resource_path=path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        answer = client.call_api(method, url, headers, body, post, _request_timeout=ANSWER_SECONDS)
        data = answer.response.read(LONGEST_BODY + 1)
        if len(data) > LONGEST_BODY:
            raise ServiceUnavailable.because(f"an answer of more than {LONGEST_BODY} bytes", url)
        return answer.status, answer.headers, data


def _connect(settings: Cluster, customer: str) -> "ApiClient":
    """A client of the customer's cluster. Raises `ReleaseRefused` when there is no way in."""
    import urllib3
    from kubernetes import client, config
    from kubernetes.config.config_exception import ConfigException

    configuration = client.Configuration()
    try:
        if settings.server:
            _by_token(configuration, settings, customer)
        elif settings.kubeconfig:
            context = settings.context.replace("{customer}", customer) if settings.context else None
            config.load_kube_config(
                settings.kubeconfig, context, client_configuration=configuration, persist_config=False
            )
        else:
            config.load_incluster_config(client_configuration=configuration)
    except (ConfigException, OSError) as error:
        raise ReleaseRefused.because(
            f"no way to the Kubernetes API: {error}",
            settings.kubeconfig or "in-cluster configuration",
            "give rollout.cluster a server with a token, or a kubeconfig",
        ) from error
    # Asking again is this room's: it knows the limit. A token must not follow a redirect.
    configuration.retries = urllib3.Retry(0, raise_on_redirect=False)
    return client.ApiClient(configuration)


def _by_token(configuration: Any, settings: Cluster, customer: str) -> None:
    configuration.host = (settings.server or "").replace("{customer}", customer)
    if settings.ca_file:
        trusted(settings)  # a file that cannot be read would show itself as trouble with the connection
    configuration.ssl_ca_cert = settings.ca_file
    configuration.refresh_api_key_hook = _renew(settings)
    configuration.refresh_api_key_hook(configuration)


def _renew(settings: Cluster) -> Callable[[Any], None]:
    """A token is read before each request: one that a cluster mounts is renewed while a release waits."""

    def renew(configuration: Any) -> None:
        configuration.api_key["BearerToken"] = f"Bearer {read_token(settings)}"

    return renew


class Clusters:
    """One connection per cluster: customers of one cluster share it."""

    def __init__(self, settings: Cluster) -> None:
        self._settings = settings
        self._apis: dict[str, Api] = {}
        self._lock = threading.Lock()

    def key(self, customer: str) -> str:
        """What tells the customer's cluster from others."""
        place = self._settings.server or self._settings.context or ""
        return place.replace("{customer}", customer)

    def api(self, customer: str) -> Api:
        """The API of the customer's cluster. Raises `ReleaseRefused` when there is no way in."""
        with self._lock:
            if (key := self.key(customer)) not in self._apis:
                self._apis[key] = Api(self._settings, customer)
            return self._apis[key]
