"""Reads the status of Flux's Kustomizations and HelmReleases.

What the fields mean (Source: kustomize-controller 1.9 `internal/controller/kustomization_controller.go`,
helm-controller 1.6 `api/v2`, `internal/reconcile/atomic_release.go`):

- `lastAppliedRevision` of a Kustomization is written after its health checks passed, `lastAttemptedRevision` when a
  revision begins. While they differ, Ready is of the older one.
- Ready becomes Unknown when a reconciliation begins; Stalled=True means that no further try is made until a person
  changes something (for a HelmRelease: its retries are used up).
- Ready of a Kustomization says that objects are healthy only with `wait` or `healthChecks`.
- A HelmRelease that was rolled back or uninstalled by remediation has Remediated=True and Ready=False, and its
  `history[0]` is the release that was put back.
"""

import re
from collections.abc import Mapping
from typing import Any

from tasks.errors import ReleaseRefused
from tasks.rollout.sight import Waiting, short, told
from tasks.rollout.synced import Synced

Object = Mapping[str, Any]
REQUESTED = "reconcile.fluxcd.io/requestedAt"
DEPLOYED = "deployed"


def kustomization_delay(kustomization: Object, synced: Synced) -> Waiting | None:
    """Why a Kustomization has not applied the release yet; None when it has and is ready.

    Raises `ReleaseRefused` when it is suspended or stalled, `Superseded` when other digests came after the release.
    """
    name, status = _name(kustomization), kustomization.get("status") or {}
    applied = commit_of(status.get("lastAppliedOriginRevision")) or commit_of(status.get("lastAppliedRevision"))
    if not applied or not synced.carries(applied):
        _refuse_if_stopped(kustomization)
        has = (
            f"has applied {short(applied)}, which does not carry this release"
            if applied
            else "has applied no commit yet"
        )
        return Waiting(f"{name} {has}{_attempt(status)}{_ready_words(status)}{_asked(kustomization)}")
    return _unready(kustomization, f"applied {short(applied)}")


def helm_release_delay(release: Object) -> Waiting | None:
    """Why a HelmRelease does not run what it is told to; None when it does.

    Raises `ReleaseRefused` when it is suspended before that, or its retries are used up.
    """
    name, status = _name(release), release.get("status") or {}
    remediated = _condition(status, "Remediated")
    if remediated.get("status") == "True" and _current(remediated, release):
        _refuse_if_stopped(release, _remediation(status, remediated))
        return Waiting(f"{name} {_remediation(status, remediated)}{_ready_words(status)}")
    if waiting := _unready(release, _history(status)):
        return waiting
    history = status.get("history") or []
    if not history or history[0].get("status") != DEPLOYED:
        return Waiting(f"{name} is Ready, but {_history(status)}")
    return None


def commit_of(revision: object) -> str:
    """The commit in `main@sha1:<40 hex>`, `sha1:<40 hex>`, `main/<40 hex>` (before Flux 2.0) or 40 hex; '' for others."""
    match = re.search(r"(?:^|[@/:])([0-9a-f]{40})$", str(revision or ""))
    return match[1] if match else ""


def checks_health(kustomization: Object) -> bool:
    """Whether Ready of a Kustomization means more than that its objects were sent."""
    spec = kustomization.get("spec") or {}
    return bool(spec.get("wait") or spec.get("healthChecks"))


def _unready(thing: Object, has: str) -> Waiting | None:
    """Common to both kinds: the newest specification must have been seen, and Ready be True for it."""
    name, status = _name(thing), thing.get("status") or {}
    generation, observed = thing["metadata"].get("generation", 0), status.get("observedGeneration", 0)
    ready = _condition(status, "Ready")
    if observed < generation or not _current(ready, thing):
        _refuse_if_stopped(thing)
        return Waiting(f"{name}: its controller has seen generation {max(observed, 0)} of {generation}, {has}")
    if ready.get("status") != "True":
        _refuse_if_stopped(thing, has)
        return Waiting(f"{name} {has}{_attempt(status)}{_ready_words(status)}{_asked(thing)}")
    return None


def _refuse_if_stopped(thing: Object, has: str = "") -> None:
    """Raises `ReleaseRefused` for what does not move on without a person."""
    name, status = _name(thing), thing.get("status") or {}
    if (thing.get("spec") or {}).get("suspend"):
        raise ReleaseRefused.because(
            f"{name} is suspended{f', {has}' if has else ''}", name, "resume it, then start this release again"
        )
    stalled = _condition(status, "Stalled")
    if stalled.get("status") == "True" and _current(stalled, thing):
        raise ReleaseRefused.because(
            f"{name} is stalled, {stalled.get('reason')}: {told(stalled.get('message'))}"
            f"{f', {has}' if has else ''}{_ready_words(status)}",
            name,
            "mend what it says and let it reconcile, then start this release again",
        )


def _current(condition: Object, thing: Object) -> bool:
    """Whether a condition is of the newest specification; one without a generation is taken as it stands."""
    return condition.get("observedGeneration", thing["metadata"].get("generation", 0)) >= thing["metadata"].get(
        "generation", 0
    )


def _condition(status: Object, kind: str) -> Object:
    return next((c for c in status.get("conditions") or [] if c.get("type") == kind), {})


def _ready_words(status: Object) -> str:
    ready = _condition(status, "Ready")
    if not ready:
        return ", without a Ready condition"
    since = f" since {ready['lastTransitionTime']}" if ready.get("lastTransitionTime") else ""
    return f", Ready {ready.get('status')}{since} ({ready.get('reason')}: {told(ready.get('message'))})"


def _attempt(status: Object) -> str:
    tried, applied = commit_of(status.get("lastAttemptedRevision")), commit_of(status.get("lastAppliedRevision"))
    return f", tries {short(tried)}" if tried and tried != applied else ""


def _asked(thing: Object) -> str:
    """A reconciliation that a person or a webhook asked for and that has not begun."""
    asked = (thing["metadata"].get("annotations") or {}).get(REQUESTED)
    handled = (thing.get("status") or {}).get("lastHandledReconcileAt")
    return f", the reconciliation asked for at {told(asked)} has not been handled" if asked and asked != handled else ""


def _history(status: Object) -> str:
    history = status.get("history") or []
    if not history:
        return "its history is empty"
    newest = history[0]
    return (
        f"its newest release v{newest.get('version')} of chart {newest.get('chartVersion')} is {newest.get('status')}"
    )


def _remediation(status: Object, remediated: Object) -> str:
    failed = next((h for h in status.get("history") or [] if h.get("status") == "failed"), None)
    which = f"v{failed.get('version')} failed and " if failed else ""
    return f"was put back: {which}{remediated.get('reason')}: {told(remediated.get('message'))}"


def _name(thing: Object) -> str:
    return f"{thing.get('kind', 'object')} {thing['metadata'].get('namespace')}/{thing['metadata']['name']}"
