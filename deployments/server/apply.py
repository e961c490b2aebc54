"""`slipway server apply`: brings a Prefect server to what Slipway needs, and says what that was.

Work pool, deployments of prefect.yaml, the queue of those who write to the GitOps repository, automations. Each is found by
its name, made when it is not there, changed when it differs, and left alone when it is right: doing it again does nothing.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from deployments import follow
from deployments.server import automations as server_automations
from deployments.server import deployments as server_deployments
from deployments.server.settings import Finding, check
from tasks.errors import ConfigInvalid, ReleaseRefused
from tasks.models import Value

PROJECT = Path(__file__).parents[2]
POOL = "slipway"
Done = Literal["created", "updated", "removed", "unchanged", "skipped"]


class Change(Value):
    """One thing on the server, and what was done to it; with a dry run, what would be."""

    kind: Literal["work pool", "deployment", "limit", "automation"]
    name: str
    done: Done
    because: str = ""


class Applied(Value):
    """All that was looked at, and what is not well about the server's own settings."""

    server: str
    dry_run: bool
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]


def apply(dry_run: bool = False, force: bool = False, pool_type: str = "process") -> Applied:
    """Brings the server of PREFECT_API_URL to what prefect.yaml and Slipway say.

    Raises `ReleaseRefused` before anything is changed when the server's settings would break releases (`force` goes on), and
    `ServiceUnavailable` when it does not answer.
    """
    os.environ.setdefault("SLIPWAY_PROJECT", str(PROJECT))
    with follow.client() as client:
        findings = check(client)
        if (blocking := [f for f in findings if f.blocking]) and not (force or dry_run):
            raise ReleaseRefused(*(f.reason for f in blocking))
        changes = [
            _pool(client, pool_type, dry_run),
            *_deployments(client, dry_run),
            _limit(client, dry_run),
            *_automations(client, dry_run),
        ]
    return Applied(server=follow.address(), dry_run=dry_run, changes=tuple(changes), findings=tuple(findings))


def _pool(client: Any, pool_type: str, dry_run: bool) -> Change:
    """The pool stays as it is once it is there, whatever its type: workers of several kinds may be there."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound

    try:
        pool = client.read_work_pool(POOL)
    except ObjectNotFound:
        if not dry_run:
            client.create_work_pool(WorkPoolCreate(name=POOL, type=pool_type, base_job_template=_template(pool_type)))
        return Change(kind="work pool", name=POOL, done="created", because=f"of type {pool_type}")
    paused = "is paused: no run begins until `prefect work-pool resume slipway`" if pool.is_paused else ""
    return Change(kind="work pool", name=POOL, done="unchanged", because=paused)


def _template(pool_type: str) -> dict[str, Any]:
    """What a worker of the type takes; empty where its package is not here: the first worker brings it along."""
    from prefect.workers.base import BaseWorker
    from prefect.workers.process import ProcessWorker

    if pool_type == "process":
        return dict(ProcessWorker.get_default_base_job_template())
    found = BaseWorker.get_worker_class_from_type(pool_type)
    return dict(found.get_default_base_job_template()) if found else {}


def _deployments(client: Any, dry_run: bool) -> list[Change]:
    """What differs is deployed by Prefect's own command."""
    looked = [server_deployments.compare(client, PROJECT, d) for d in server_deployments.wanted(PROJECT)]
    differing = [d.name for d in looked if d.exists is False or d.differs]
    if differing and not dry_run:
        _deploy(differing)
    return [
        Change(
            kind="deployment",
            name=d.full_name,
            done="created" if not d.exists else "updated" if d.differs else "unchanged",
            because=", ".join(d.differs),
        )
        for d in looked
    ]


def _deploy(names: list[str]) -> None:
    from prefect.settings import get_current_settings

    chosen = [part for name in names for part in ("-n", name)]
    argv = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", *chosen]
    # The server that was looked at, also when a profile names it.
    env = {**os.environ, **get_current_settings().to_environment_variables(exclude_unset=True)}
    done = subprocess.run(
        argv, cwd=PROJECT, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        said = f"{done.stdout[-1500:]}{done.stderr[-1500:]}"
        raise ReleaseRefused.because(
            f"`prefect deploy` ended with exit code {done.returncode}\n{said}", str(PROJECT / "prefect.yaml"), "mend it"
        )


def _limit(client: Any, dry_run: bool) -> Change:
    from prefect.exceptions import ObjectNotFound

    from tasks.config.file import load_config
    from tasks.run.turn import limit_of

    try:
        name = limit_of(load_config().gitops.repository)
    except ConfigInvalid:
        return Change(
            kind="limit", name="gitops-...", done="skipped", because="no release.yaml here; a release makes it"
        )
    try:
        now = client.read_global_concurrency_limit_by_name(name).limit
    except ObjectNotFound:
        now = None
    if now != 1 and not dry_run:
        client.upsert_global_concurrency_limit_by_name(name, 1)
    done: Done = "unchanged" if now == 1 else "created" if now is None else "updated"
    return Change(kind="limit", name=name, done=done, because=f"{now} -> 1" if done == "updated" else "")


def _automations(client: Any, dry_run: bool) -> list[Change]:
    changes = []
    for wanted in server_automations.EVERY:
        there = client.read_automations_by_name(wanted.name)
        for twice in there[1:]:
            if not dry_run:
                client.delete_automation(twice.id)
            changes.append(Change(kind="automation", name=wanted.name, done="removed", because="it was there twice"))
        if not there:
            if not dry_run:
                client.create_automation(wanted)
            changes.append(Change(kind="automation", name=wanted.name, done="created"))
            continue
        changes.append(_automation(client, wanted, there[0], dry_run))
    return changes


def _automation(client: Any, wanted: Any, there: Any, dry_run: bool) -> Change:
    """One that a person has switched off stays off."""
    off = "" if there.enabled else "is switched off: a crashed run stays as it is"
    differs = server_automations.differs(wanted, there)
    if differs and not dry_run:
        client.update_automation(there.id, wanted.model_copy(update={"enabled": there.enabled}))
    because = ", ".join(part for part in (*differs, off) if part)
    return Change(kind="automation", name=wanted.name, done="updated" if differs else "unchanged", because=because)
