"""docs/reference/errors.md: every error that Slipway can tell, out of the code that tells it."""

from collections.abc import Iterable

from deployments.docs.markdown import table
from deployments.docs.raised import Told, told
from deployments.docs.words import kinds
from tasks.errors import ServiceUnavailable

HEAD = """# Errors

Made from the code by `make docs`. Every error says what happened, where, and what to do next:

```text
fjord: there is no images[name=shop/backend].digest
  where: customers/fjord/kustomization.yaml
  next:  add `digest:` to the entry with the digest that runs now; a tag may move
```

‹This› stands for what differs from one time to the next. A *terminal* error is refused again until somebody changes
something. A *transient* one comes of a server that did not answer: a release tries the step again by itself, four times in
all, and a run's *Retry* may pass later. All reasons are told in one run. What stops a migration has [a page of its
own](../migration-rules.md).
"""
ROOMS = {
    "tasks/config": "release.yaml",
    "tasks/yaml_path": "release.yaml",
    "tasks/source": "The app's repository",
    "tasks/git.py": "The app's repository",
    "tasks/suites": "Suites and end-to-end tests",
    "tasks/containers": "Docker and containers",
    "tasks/command": "Docker and containers",
    "tasks/images": "Images and the registry",
    "tasks/migrations": "Migrations",
    "tasks/gate": "Gate and overrides",
    "tasks/gitops": "The GitOps repository",
    "tasks/forge": "The forge and pull requests",
    "tasks/rollout": "How customers are seen",
    "tasks/run": "The run: approval, newer releases",
    "tasks/nightly": "The nightly run",
    "tasks/reports": "The nightly run",
    "tasks/secrets": "Secrets and the Slipway home",
    "tasks/home": "Secrets and the Slipway home",
    "deployments/hooks": "Webhooks",
    "deployments/init": "slipway init",
    "deployments/approve": "Answers to an approval",
    "deployments/cli": "The command line",
    "deployments/follow": "The command line",
    "deployments/trial": "The command line",
    "deployments": "Servers and their settings",
}


def page() -> str:
    """The whole page, a table for each part of Slipway."""
    rooms: dict[str, list[Told]] = {}
    for one in told():
        rooms.setdefault(_room(one.path), []).append(one)
    titles = dict.fromkeys(ROOMS.values())
    return "\n".join([HEAD, *(f"## {title}\n\n{_table(rooms[title])}\n" for title in titles if title in rooms)])


def _room(path: str) -> str:
    """The title of the part that a file belongs to. Raises `KeyError` for a new part: it wants one."""
    fitting = [start for start in ROOMS if path.startswith(start)]
    if not fitting:
        raise KeyError(f"{path} belongs to no part of the errors' page: name it in {__name__}.ROOMS")
    return ROOMS[max(fitting, key=len)]


def _table(found: Iterable[Told]) -> str:
    rows = dict.fromkeys((one.what, one.where, one.next_step, _kind(one.kinds)) for one in found)
    return table(["what it says", "where", "what to do next", "kind"], list(rows))


def _kind(names: tuple[str, ...]) -> str:
    transient = {k.__name__ for k in kinds() if issubclass(k, ServiceUnavailable)}
    told_ = {"transient" if name in transient else "terminal" for name in names}
    return " or ".join(sorted(told_))
