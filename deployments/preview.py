"""A release seen beforehand: what would be built, and what every customer would get. Nothing is written."""

from collections.abc import Iterator

from tasks.config.model import Config
from tasks.gitops.fleet import read_fleet
from tasks.gitops.plan import make_plan
from tasks.images import bases
from tasks.images.find import find_image
from tasks.models import Changes, Plan, Release, ReleaseRequest, Value
from tasks.reports.release import short
from tasks.source import content
from tasks.source.changes import find_changes
from tasks.source.checkout import check_out


class Preview(Value):
    """The plan as far as it is known before anything is built."""

    commit: str
    subject: str
    base: str | None
    to_build: tuple[str, ...]
    migrations: str
    plan: Plan | None


def preview(config: Config, commit: str) -> Preview:
    """Looks up each component's image; with all of them there the plan is exact, otherwise it names what is to be built."""
    source = check_out(config, ReleaseRequest(commit=commit))
    fleet = read_fleet(config)
    made = content.made_of(config, source)
    changes = find_changes(config, source, fleet, made, bases.digests(content.images(config, made)))
    images = {c.name: find_image(config, c) for c in changes.components}
    missing = tuple(name for name, image in images.items() if image is None)
    plan = None
    if not missing:
        # The head is known once the migrations have been looked at; a preview shows the one that customers are at.
        head = next((c.head for c in fleet.customers if c.release and c.release == changes.base), None)
        release = Release(
            commit=commit, subject=source.subject, images=tuple(i for i in images.values() if i), head=head
        )
        plan = make_plan(config, release, fleet)
    return Preview(
        commit=commit,
        subject=source.subject,
        base=changes.base,
        to_build=missing,
        migrations=_migrations(config, changes),
        plan=plan,
    )


def _migrations(config: Config, changes: Changes) -> str:
    """What a preview can say of them: they are run and judged by the release, not here."""
    if config.migrations is None:
        return "none are configured"
    if not changes.component(config.migrations.component).changed:
        return "none: nothing that holds them has changed"
    return "run and judged by the release; with their locks they stand in its plan (`slipway plan --run RUN`)"


def lines(seen: Preview) -> Iterator[str]:
    """The preview as text, diffs included."""
    yield f"release {seen.commit[:7]}: {seen.subject}"
    yield f"compared with {seen.base[:7] if seen.base else 'nothing: no customer has a release yet'}"
    for name in seen.to_build:
        yield f"{name}: is to be built and tested; its digest, and so each customer's diff, is known after that"
    for ring in seen.plan.rings if seen.plan else ():
        yield f"ring {ring.name}" + (", asks for approval" if ring.approve else "")
        for p in ring.promotions:
            yield f"  {p.customer}: {p.standing}" + (f": {p.because}" if p.because else "")
            yield from (
                f"    {c}: {short(now)} -> {short(p.coming[c])}" for c, now in p.current.items() if c in p.coming
            )
            yield from (f"    {line}" for line in p.diff.splitlines())
    yield f"migrations: {seen.migrations}"


def style(line: str) -> str | None:
    """Colour of a line in a terminal: diffs as diffs."""
    text = line.strip()
    return "green" if text.startswith("+") else "red" if text.startswith("-") else None
