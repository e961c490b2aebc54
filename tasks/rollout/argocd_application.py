"""Reads an Argo CD Application: which revision it is synced to, and whether its health was seen after that.

What the fields mean (Source: argo-cd 2.13 to 3.5, `controller/appcontroller.go`, `controller/state.go`):

- `status.sync`, `status.health`, `status.summary` come from one comparison and are written together.
  `sync.revision` is the revision that was compared with; it is deployed only when `sync.status` is Synced.
- `status.reconciledAt` is when that comparison began, `operationState.finishedAt` when the last sync ended. A health
  with reconciledAt not after finishedAt was computed before the sync and says nothing of the new version; `argocd app
  wait` holds the same against it. Both have whole seconds, so the same second does not count as after.
- `health.lastTransitionTime` (2.14 and newer) is when the health last became another one. It stays old for an
  application that was Healthy all the time, so it is told and nothing is decided by it.
- An operation is Failed or Error only after Argo CD's own retries, and no revision is tried twice by automatic sync.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tasks.errors import ReleaseRefused
from tasks.rollout.sight import Waiting, short, told
from tasks.rollout.synced import Synced

Application = dict[str, Any]
COMMIT = re.compile(r"[0-9a-f]{40}")
FAILED = ("Failed", "Error")
COMPARED_KEYS = ("repoURL", "targetRevision", "path", "chart", "ref")


def delay(application: Application, repository: str, synced: Synced) -> Waiting | None:
    """Why an application cannot be said to run the release yet; None when it is synced to it and healthy.

    Raises `ReleaseRefused` when its sync failed, `Superseded` when other digests came after the release.
    """
    status = application.get("status") or {}
    if application.get("metadata", {}).get("deletionTimestamp"):
        return Waiting("the application is being deleted")
    revisions = compared_revisions(application, repository)
    if not revisions:
        return Waiting(f"not compared yet with a commit of the source it has now{_conditions(status)}")
    if behind := [r for r in revisions if not synced.carries(r)]:
        return Waiting(f"compared with {short(behind[0])}, which does not carry this release{_conditions(status)}")
    return (
        _operation(application, revisions)
        or _unsynced(application, revisions)
        or _stale(status, revisions)
        or _unhealthy(status, revisions)
    )


def compared_revisions(application: Application, repository: str) -> tuple[str, ...]:
    """The commits of the GitOps repository that live state was compared with; none when that tells nothing yet.

    An application of several sources has a revision for each; those of other repositories and of charts are left out.
    With a source hydrator the compared commit is made by Argo CD, and the one it was made from counts.
    Raises `ReleaseRefused` when it is not clear which source is meant.
    """
    spec, status = application.get("spec") or {}, application.get("status") or {}
    sync = status.get("sync") or {}
    if spec.get("sourceHydrator") is not None:
        return _dry_revision(status, sync.get("revision", ""))
    if _sources(spec) != _sources(sync.get("comparedTo") or {}):
        return ()
    revisions = sync.get("revisions") if spec.get("sources") else [sync.get("revision")]
    pairs = [
        (source, revision)
        for source, revision in zip(_sources(spec), revisions or [], strict=False)
        if COMMIT.fullmatch(revision or "")
    ]
    ours = [revision for source, revision in pairs if _same_repository(source.get("repoURL"), repository)]
    if not ours and len(pairs) > 1:
        raise ReleaseRefused.because(
            "none of its sources is the GitOps repository",
            ", ".join(str(source.get("repoURL")) for source, _ in pairs),
            "name the source that carries the digests in rollout.argocd.repository",
        )
    return tuple(ours or [revision for _, revision in pairs])


def _sources(place: dict[str, Any]) -> list[dict[str, Any]]:
    """What tells one source from another; a comparison with a source that was edited since is none."""
    sources = place.get("sources") or [place.get("source") or {}]
    return [{key: source[key] for key in COMPARED_KEYS if source.get(key)} for source in sources]


def _dry_revision(status: dict[str, Any], compared: str) -> tuple[str, ...]:
    done = (status.get("sourceHydrator") or {}).get("lastSuccessfulOperation") or {}
    dry = done.get("drySHA") or ""
    return (dry,) if compared and done.get("hydratedSHA") == compared and COMMIT.fullmatch(dry) else ()


def _same_repository(one: object, other: str) -> bool:
    """Whether two git URLs name the same repository: ssh and https, with and without .git, are one."""
    return _plain(str(one or "")) == _plain(other)


def _plain(url: str) -> str:
    """host/path in lower case; `git@host:path` is ssh's short form."""
    url = re.sub(r"^[a-z+]+://", "", url.strip(), flags=re.IGNORECASE)
    url = re.sub(r"^[^/@]*@", "", url)
    url = re.sub(r"^([^/:]+):(?:\d+/)?", r"\1/", url)
    return url.rstrip("/").removesuffix(".git").lower()


def _operation(application: Application, revisions: Sequence[str]) -> Waiting | None:
    """A sync that is asked for, runs, or failed.

    A failed one of the compared revision ends the wait: Argo CD has used up its own retries, and automatic sync does
    not try a revision again. A failed one of another revision is history; a dry run changes nothing.
    """
    state = (application.get("status") or {}).get("operationState") or {}
    if application.get("operation") and state.get("phase") not in ("Running", "Terminating"):
        return Waiting(f"a sync is asked for and has not begun, compared with {short(revisions[0])}")
    phase, said = state.get("phase"), told(state.get("message"))
    if phase in ("Running", "Terminating"):
        return Waiting(f"sync to {_synced_to(state)} is {phase}: {said}")
    if phase in FAILED and not _dry_run(state) and _same_sync(state, application):
        raise ReleaseRefused.because(
            f"sync to {_synced_to(state)} ended {phase}: {said}{_failed_resources(state)}",
            f"application {application['metadata']['name']}",
            "mend what it says and sync it in Argo CD, then start this release again",
        )
    return None


def _same_sync(state: dict[str, Any], application: Application) -> bool:
    """Whether the operation was for what is compared now, so that no newer attempt is to come by itself."""
    result, sync = state.get("syncResult") or {}, (application.get("status") or {}).get("sync") or {}
    if result.get("revisions") or sync.get("revisions"):
        return result.get("revisions") == sync.get("revisions")
    return bool(sync.get("revision")) and result.get("revision") == sync.get("revision")


def _synced_to(state: dict[str, Any]) -> str:
    result = state.get("syncResult") or (state.get("operation") or {}).get("sync") or {}
    revisions = result.get("revisions") or [result.get("revision") or "the newest revision"]
    return ", ".join(short(r) if COMMIT.fullmatch(r) else told(r) for r in revisions)


def _failed_resources(state: dict[str, Any]) -> str:
    resources = (state.get("syncResult") or {}).get("resources") or []
    bad = [
        f"{r.get('kind')} {r.get('name')}: {told(r.get('message'))}"
        for r in resources
        if r.get("status") == "SyncFailed" or r.get("hookPhase") in FAILED
    ]
    return f" ({'; '.join(bad[:3])})" if bad else ""


def _dry_run(state: dict[str, Any]) -> bool:
    return bool(((state.get("operation") or {}).get("sync") or {}).get("dryRun"))


def _unsynced(application: Application, revisions: Sequence[str]) -> Waiting | None:
    status = application.get("status") or {}
    code = (status.get("sync") or {}).get("status")
    if code == "Synced":
        return None
    resources = [
        f"{r.get('kind')} {r.get('name')}" for r in status.get("resources") or [] if r.get("status") == "OutOfSync"
    ]
    which = f" ({', '.join(resources[:3])}{' and more' if len(resources) > 3 else ''})" if resources else ""
    policy = (application.get("spec") or {}).get("syncPolicy") or {}
    automated = policy.get("automated")
    manual = automated is None or automated.get("enabled") is False
    return Waiting(
        f"{code or 'Unknown'} against {short(revisions[0])}{which}"
        f"{', automatic sync is off' if manual else ''}{_conditions(status)}",
        next_step="sync the application in Argo CD" if manual else "",
    )


def _stale(status: dict[str, Any], revisions: Sequence[str]) -> Waiting | None:
    """Health from before the sync ended: the most common false pass."""
    state = status.get("operationState") or {}
    finished, reconciled = state.get("finishedAt"), status.get("reconciledAt")
    if not finished or _dry_run(state) or (reconciled and _time(reconciled) > _time(finished)):
        return None
    health = (status.get("health") or {}).get("status") or "Unknown"
    return Waiting(
        f"synced {short(revisions[0])}, but health {health} is of {reconciled or 'no known time'}, "
        f"not after the sync, which ended {finished}"
    )


def _unhealthy(status: dict[str, Any], revisions: Sequence[str]) -> Waiting | None:
    """Anything but Healthy. Degraded is told and waited out: pods that start late make it Healthy by themselves."""
    health = status.get("health") or {}
    if health.get("status") == "Healthy":
        return None
    since = f" since {health['lastTransitionTime']}" if health.get("lastTransitionTime") else ""
    said = f": {told(health['message'])}" if health.get("message") else ""
    sick = [
        f"{r.get('kind')} {r.get('name')} {h.get('status')}: {told(h.get('message'))}"
        for r in status.get("resources") or []
        if (h := r.get("health") or {}).get("status") in ("Degraded", "Missing", "Suspended")
    ]
    which = f" ({'; '.join(sick[:3])})" if sick else ""
    return Waiting(
        f"synced {short(revisions[0])}, health {health.get('status') or 'Unknown'}{since}{said}{which}{_conditions(status)}"
    )


def _conditions(status: dict[str, Any]) -> str:
    """Argo CD's own complaints, such as ComparisonError; warnings about drift of the configuration are left out."""
    bad = [c for c in status.get("conditions") or [] if str(c.get("type")).endswith("Error")]
    return "".join(f"; {c.get('type')}: {told(c.get('message'))}" for c in bad[:2])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
