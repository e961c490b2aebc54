"""Fleets with a past: repositories made by git, releases, holds and rollbacks written by the engine, at times of our choice."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from tasks.config.model import Config
from tasks.git import Mirror
from tasks.gitops.commit import commit_ring
from tasks.gitops.edit import edit_customers
from tasks.gitops.fleet import read_fleet
from tasks.gitops.hold import hold
from tasks.gitops.ring_commit import written_at
from tasks.gitops.rollback import rollback
from tasks.models import Hold, Image, Override, Release, ReleaseRequest, RingPlan

HOUR, DAY = 3600, 86400
NAMES = ("fjord", "bre", "dal", "elv", "foss", "hei", "lund", "myr", "sund", "vik")
COMPONENTS = ("backend", "frontend")
RUNS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
FILE = """\
resources: [../../base]
images:
  - {{name: shop/backend, newName: registry.example.no/shop/backend, digest: "{none}"}}
  - {{name: shop/frontend, newName: registry.example.no/shop/frontend, digest: "{none}"}}
"""
NONE = "sha256:" + "0" * 64
AUDIT = "audit until the end of the year"
SUBJECTS = (
    "Show the total with tax",
    "Orders can be cancelled until they are packed",
    "Search by the customer's own number",
    "Smaller pictures on the phone",
    "Fix rounding of discounts below one krone",
    "A page for returns",
    "Faster list of orders",
    "Mails in the customer's language",
)

# A freeze that is over: an override of it counts all the same.
LONG_AGO = {"from": "2000-01-01T00:00", "until": "2000-01-02T00:00", "reason": "holidays"}


@contextmanager
def at(when: float) -> Iterator[None]:
    """What is written in this block, by us or by git, is written at this time."""
    dates = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"{int(when)} +0000")
    with mock.patch.dict(os.environ, dates), mock.patch("time.time", lambda: when):
        yield


class Fleet:
    """An app with some commits, and a GitOps repository with as many customers as wanted."""

    def __init__(
        self,
        folder: Path,
        customers: Sequence[str],
        rings: Sequence[dict[str, Any]],
        subjects: Sequence[str] = SUBJECTS,
    ) -> None:
        self.now, self.folder, self.customers = time.time(), folder, list(customers)
        self.app, self.gitops = folder / "app", folder / "gitops"
        self.commits: list[str] = []
        for work in (self.app, self.gitops):
            work.mkdir(parents=True)
            self.git(folder, "init", "-q", "--bare", "-b", "main", f"{work}.git")
            self.git(work, "init", "-q", "-b", "main", ".")
        self.config = self._config(rings)
        for number, subject in enumerate(subjects):
            with at(self.now - (len(subjects) - number) * 5 * DAY):
                self.commits.append(self.commit(self.app, {f"{c}/a": str(number) for c in COMPONENTS}, subject))
        with at(self.now - 60 * DAY):
            self.commit(
                self.gitops,
                {f"customers/{n}/kustomization.yaml": FILE.format(none=NONE) for n in customers},
                "customers",
            )
        self.names = {r["name"]: self._of(r) for r in rings}

    def _of(self, ring: dict[str, Any]) -> list[str]:
        named = {c for r in self.config.rings if r.customers != "*" for c in r.customers}
        return list(ring["customers"]) if ring["customers"] != "*" else [c for c in self.customers if c not in named]

    def _config(self, rings: Sequence[dict[str, Any]]) -> Config:
        return Config.model_validate(
            {
                "app": {"name": "shop", "repository": f"{self.app}.git"},
                "components": {
                    c: {"path": c, "image": f"registry.example.no/shop/{c}", "run": {"port": 80}} for c in COMPONENTS
                },
                "gitops": {
                    "repository": f"{self.gitops}.git",
                    "targets": {
                        c: [{"file": "customers/{customer}/kustomization.yaml", "image": f"shop/{c}"}]
                        for c in COMPONENTS
                    },
                },
                "rings": list(rings),
                "rollout": {"url": "https://{customer}.example.no", "versions": {"backend": "/version"}},
                "policy": {"override": ["freeze", "soak"], "freeze": [LONG_AGO]},
            }
        )

    def git(self, work: Path, *arguments: str, stdin: str | None = None) -> str:
        identity = ["-c", "user.name=Kari", "-c", "user.email=kari@example.no", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=work, check=True, capture_output=True, text=True, input=stdin
        )
        return done.stdout.strip()

    def commit(self, work: Path, files: dict[str, str | None], message: str) -> str:
        """A person's commit, pushed."""
        if self.git(work, "ls-remote", f"{work}.git"):
            self.git(work, "pull", "-q", f"{work}.git", "main")
        for name, text in files.items():
            path = work / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git(work, "add", "--all")
        self.git(work, "commit", "-q", "--allow-empty", "-F", "-", stdin=message)
        self.git(work, "push", "-q", f"{work}.git", "HEAD:main")
        return self.git(work, "rev-parse", "HEAD")

    def release(self, number: int) -> Release:
        """The release of one commit; the frontend of every second one is the one before."""
        images = tuple(self._image(c, number - (number % 2 if c == "frontend" and number else 0)) for c in COMPONENTS)
        return Release(commit=self.commits[number], subject=f"change {number}", images=images, head=f"{number:04}")

    def _image(self, component: str, number: int) -> Image:
        return Image(
            component=component,
            repository=f"registry.example.no/shop/{component}",
            digest=f"sha256:{number + 1:064x}",
            revision=self.commits[number],
            tree=self.commits[number],
            built=True,
            seconds=1,
        )

    def promote(
        self,
        number: int,
        ring: str,
        when: float,
        by: str = "",
        run: str = RUNS[0],
        overrides: tuple[Override, ...] = (),
    ) -> str:
        """One ring's commit, as the release flow writes it."""
        release = self.release(number)
        with at(when):
            tip = read_fleet(self.config).tip
            edits = edit_customers(self.config, tip, release, self.names[ring])
            plan = RingPlan(name=ring, approve=False, soak_seconds=0, promotions=edits.promotions)
            times = {"Slipway-Run": run, "Slipway-Written": written_at(ring, plan.hash)}
            trailers = {**times, **({"Slipway-Approved-By": by, "Slipway-Plan": plan.hash} if by else {})}
            request = ReleaseRequest(commit=release.commit, overrides=overrides)
            return commit_ring(self.config, request, release, plan, edits, trailers).commit


def storied(
    folder: Path,
    customers: Sequence[str] = NAMES,
    subjects: Sequence[str] = SUBJECTS,
    reason: str = AUDIT,
    run: str = RUNS[1],
) -> SimpleNamespace:
    """Weeks of releases, one of which was put back; then a hold, a change by hand, a broken file, and a customer that is new."""
    rest = customers[1 + len(customers) // 10 :]
    rings = [
        {"name": "canary", "customers": [customers[0]], "soak": "10m"},
        {"name": "early", "customers": list(customers[1 : 1 + len(customers) // 10])},
        {"name": "all", "customers": "*", "approve": True},
    ]
    fleet = Fleet(folder, customers, rings, subjects)
    now, last = fleet.now, len(fleet.commits) - 1
    Mirror.open(fleet.config.app.repository).fetch("main")
    for number in range(last - 1 if len(customers) < 100 else 2):
        begun = now - (len(fleet.commits) - number) * 5 * DAY + (2 + number) * HOUR
        fleet.promote(number, "canary", begun)
        fleet.promote(number, "early", begun + 2 * HOUR)
        urgent = (Override(gate="freeze", reason="the old one loses orders", by="ola"),) if number == 1 else ()
        fleet.promote(number, "all", begun + 20 * HOUR, by="kari", overrides=urgent)
        if number == 1:
            with at(begun + 22 * HOUR):
                rollback(fleet.config, [rest[0], rest[1]], Hold(reason="lists of orders are slow", owner="ola"))
    with at(now - 3 * DAY):
        hold(fleet.config, [rest[2]], Hold(reason=reason, owner="kari", until="2999-12-31"))
    text = FILE.format(none="sha256:" + "9" * 64)
    with at(now - 2 * DAY):
        fleet.commit(fleet.gitops, {f"customers/{rest[3]}/kustomization.yaml": text}, "hotfix")
    with at(now - DAY):
        new = {
            "customers/ny/kustomization.yaml": FILE.format(none=NONE),
            f"customers/{rest[4]}/kustomization.yaml": "images: [\n",
        }
        fleet.commit(fleet.gitops, new, "a new one, and a mistake")
    fleet.promote(last - 1, "canary", now - 5 * HOUR, run=run)
    fleet.promote(last - 1, "early", now - 3 * HOUR, run=run)
    return SimpleNamespace(fleet=fleet, config=fleet.config, rest=rest, last=last)
