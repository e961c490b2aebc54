"""What people read about a release: tables and Markdown, made from values alone."""

from collections.abc import Mapping, Sequence

from tasks.models import Evidence, Newer, Outcome, Plan, Promotion, Reason, Release, RingPlan, Source, Span
from tasks.reports.markdown import cell as _cell
from tasks.reports.markdown import plain as _plain
from tasks.reports.markdown import table as _table
from tasks.reports.tests import tests_section
from tasks.reports.timeline import critical_path, wall_seconds

DIFF_LINES = 400
DIFFS = 12
NOT_BEGUN = "not begun"
BODY_LENGTH = 60_000  # GitHub takes 65,536 characters


def customers_table(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """A row per customer: ring, outcome, what each component answers, why and what next."""
    return [
        {
            "customer": o.customer,
            "ring": o.ring,
            "outcome": o.outcome,
            **{c: v[:7] for c, v in o.versions.items()},
            "because": o.because,
            "next": o.next_step,
        }
        for o in outcomes
    ]


def progress_table(plan: Plan, outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """A row per customer while the run sleeps: how it ended, or that its ring was not begun."""
    done = {o.customer for o in outcomes}
    waiting = [p for ring in plan.rings for p in ring.promotions if p.customer not in done]
    return customers_table(outcomes) + [
        {"customer": p.customer, "ring": p.ring, "outcome": NOT_BEGUN, "because": p.because, "next": ""}
        for p in waiting
    ]


def superseded(commit: str, newer: Newer, rows: Sequence[Mapping[str, object]], next_step: str) -> str:
    """Markdown on the page of a run that a newer one replaced."""
    customers = _table(rows) if rows else "Nothing was written; every customer keeps what it runs."
    return (
        f"# Release {commit[:7]}: superseded\n\n{replaced_by(newer)} Customers that had moved stay where they are; that "
        f"release goes on from there.\n\nNext: {next_step}.\n\n## Customers\n\n{customers}"
    )


def replaced_by(newer: Newer) -> str:
    """Markdown: the release that came instead, with its run."""
    return f"**Superseded by release [{newer.commit[:7]}]({newer.url}).**"


def replaced(older: Sequence[tuple[str, str, str]]) -> str:
    """Markdown on the newer run's page: (commit, address of its run, state it was in) of each run that it replaced."""
    rows = [{"release": f"`{commit[:7]}`", "run": url, "was": state} for commit, url, state in older]
    return f"# It replaced\n\n{_table(rows)}"


def refusal(source: Source, reasons: Sequence[Reason], evidence: Evidence) -> str:
    """Markdown: nothing was written, and every reason why."""
    blocks = "\n\n".join(f"```\n{_plain(str(r))}\n```" for r in reasons)
    cancelled = "".join(f"- {_cell(check)}\n" for check in evidence.cancelled)
    ended = f"## Cancelled\n\n{cancelled}\n" if cancelled else ""
    return (
        f"# Refused: {_title(source.commit, source.subject)}\n\nNothing was written to the GitOps repository; every customer keeps "
        f"what it runs. {len(reasons)} reason{'s' if len(reasons) != 1 else ''}:\n\n{blocks}\n\n{ended}{tests_section(evidence)}"
    )


def plan_text(plan: Plan) -> str:
    """Markdown: per ring and customer what will change, with the diff of the files."""
    release = plan.release
    head = (
        f"# Plan `{plan.hash}`: {_title(release.commit, release.subject)}\n\nGitOps repository at `{plan.tip[:7]}`.\n"
    )
    rings = "\n\n".join(_ring_section(r, release.commit) for r in plan.rings)
    return "\n".join([head, *overrides_section(release), images_section(release), "", rings])


def approval_text(release: Release, ring: RingPlan, before: RingPlan | None = None, again: bool = True) -> str:
    """Markdown above the approval form: what moves, what is different from what was seen before, and where the plan is.

    `again`: what was seen before was approved, too.
    """
    text = (
        f"**{_title(release.commit, release.subject)}** to ring **{ring.name}**: {', '.join(ring.moving)}.\n\n"
        f"Plan `{ring.hash}`; its diffs are on this run's page (artifact `plan`), and `slipway plan {release.commit}` prints them."
    )
    if release.overridden:
        text = "\n\n".join([*(f"**{_cell(str(o))}**" for o in release.overridden), text])
    if before is None:
        return text
    changed = [_difference(p, before) for p in ring.promotions if _before(p, before).content != p.content]
    why, seen = ("Asked again", "approved") if again else ("Not as on this run's page", "shown there")
    moved = f"**{why}**: the GitOps repository moved since plan `{before.hash}` was {seen}."
    return "\n".join([moved, "", *changed, "", text])


def pull_request(release: Release, ring: RingPlan, run: str) -> tuple[str, str]:
    """Title and Markdown body of a ring's pull request: the plan, as far as forges take it."""
    names = f"{len(ring.moving)} customer{'s' if len(ring.moving) != 1 else ''}"
    body = (
        f"`{release.subject.replace('`', '')}`\n\nMerging moves {names}; closing refuses the ring. Release run `{run}`.\n\n"
        + "\n".join(overrides_section(release))
        + f"{images_section(release)}\n\n{_ring_section(ring, release.commit)}"
    )
    shown = (
        body if len(body) <= BODY_LENGTH else f"{body[:BODY_LENGTH]}\n```\n\n(shortened; the run's page has all of it)"
    )
    return f"Release {release.commit[:7]} to ring {ring.name} ({names})", shown


def _before(promotion: Promotion, ring: RingPlan) -> Promotion:
    return next(p for p in ring.promotions if p.customer == promotion.customer)


def _difference(now: Promotion, ring: RingPlan) -> str:
    old = _before(now, ring)
    words = f"{old.standing} -> {now.standing}" if old.standing != now.standing else "its change is another one"
    diff = f"\n\n```diff\n{_plain(now.diff)}\n```" if now.diff and now.diff != old.diff else ""
    return f"- **{now.customer}**: {words}{f': {_cell(now.because)}' if now.because else ''}{diff}"


def release_text(
    plan: Plan,
    evidence: Evidence,
    outcomes: Sequence[Outcome],
    commits: Mapping[str, str],
    spans: Mapping[str, Span],
    newer: Newer | None = None,
    nothing: str = "",
) -> str:
    """Markdown: what was released where, and all that led there; or why there was `nothing` to release."""
    release = plan.release
    done = sum(o.outcome in ("promoted", "unchanged") for o in outcomes)
    sections = [
        f"# {_title(release.commit, release.subject)}\n\n**{done} of {len(outcomes)} customers are seen running it.**",
        replaced_by(newer) if newer else "",
        f"**Nothing to release**: {_cell(nothing)}." if nothing else "",
        "\n".join(overrides_section(release)).strip(),
        "## Customers\n\n" + _table(customers_table(outcomes)),
        "## GitOps commits\n\n"
        + ("\n".join(f"- {ring}: `{c}`" for ring, c in commits.items()) or "Nothing had to be written."),
        images_section(release),
        tests_section(evidence),
        migrations_section(evidence),
        timeline_section(spans),
        "## Plan\n\n" + "\n\n".join(_ring_section(r, release.commit) for r in plan.rings),
    ]
    return "\n\n".join(s for s in sections if s)


def overrides_section(release: Release) -> list[str]:
    """Markdown blocks: each gate that a person let the release pass, and what it had said."""
    if not release.overridden:
        return []
    blocks = []
    for overridden in release.overridden:
        said = "\n".join(_plain(str(r)) for r in overridden.reasons)
        blocks.append(f"**{_cell(str(overridden))}**" + (f"\n\n```\n{said}\n```" if said else "") + "\n")
    return ["## Overridden\n", *blocks]


def images_section(release: Release) -> str:
    """Markdown: one row per image."""
    rows = [
        {
            "component": i.component,
            "image": f"`{i.reference}`",
            "commit": i.revision[:7],
            "": f"built by {i.built_by}".removesuffix(" by ") if i.built else "reused",
        }
        for i in release.images
    ]
    return "## Images\n\n" + _table(rows)


def migrations_section(evidence: Evidence) -> str:
    """Markdown: head, pending revisions per starting point, findings."""
    report = evidence.migrations
    if report is None:
        return ""
    lines = [f"## Migrations\n\nHead `{report.head}`."]
    lines += [f"- `{revision}`: {phase}" for revision, phase in report.phases.items() if phase != "none"]
    lines += [
        f"- the release that {', '.join(c.running.customers)} run works on the new schema{' (reused)' if c.reused else ''}"
        for c in evidence.compatibility
    ]
    lines += [
        f"- from `{start or 'an empty database'}`: {', '.join(f'`{r}`' for r in revisions)}"
        for start, revisions in report.pending.items()
        if revisions
    ]
    lines += [
        _cell(f"- {f.revision} {f.rule} {f.object}: {f.effect} (accepted: {f.accepted_because})")
        for f in report.findings
        if f.accepted_because
    ]
    lines += [
        _cell(f"- **{f.revision} {f.rule} {f.object}**: {f.effect}. {f.next_step}")
        for f in report.findings
        if not f.accepted_because
    ]
    return "\n".join(lines)


def timeline_section(spans: Mapping[str, Span]) -> str:
    """Markdown: seconds per step, the critical path, and wall time divided by it."""
    if not spans:
        return ""
    path = critical_path(spans)
    wall, critical = wall_seconds(spans), sum(s.end - s.start for s in path)
    rows = [
        {
            "step": s.name,
            "from": f"{s.start:.1f}",
            "seconds": f"{s.end - s.start:.1f}",
            "critical": "yes" if s in path else "",
        }
        for s in sorted(spans.values(), key=lambda s: s.start)
    ]
    ratio = f"{wall / critical:.2f}" if critical else "-"
    return (
        f"## Time\n\nSteps ran for {wall:.1f} s; the critical path is {critical:.1f} s; wall time / critical path = {ratio}.\n\n"
        + _table(rows)
    )


def _ring_section(ring: RingPlan, commit: str) -> str:
    facts = [f"plan `{ring.hash}`"] + (["asks for approval"] if ring.approve else [])
    facts += [f"soaks {ring.soak_seconds:g} s"] if ring.soak_seconds else []
    moving = [p for p in ring.promotions if p.diff]
    diffs = [_diff(p) for p in moving[:DIFFS]]
    more = f"{len(moving) - DIFFS} more customers move; `slipway plan {commit}` prints every diff."
    return "\n\n".join(
        [
            f"### Ring {ring.name}: {', '.join(facts)}",
            _table([_promotion(p) for p in ring.promotions]) if ring.promotions else "Nobody is in it.",
            *diffs,
            *([more] if len(moving) > DIFFS else []),
        ]
    )


def _promotion(promotion: Promotion) -> dict[str, str]:
    """One customer's row: what runs now and next, what its database runs, or why nothing changes."""
    moves = {
        c: f"{short(now)} -> {short(promotion.coming[c])}"
        for c, now in promotion.current.items()
        if c in promotion.coming
    }
    return {
        "customer": promotion.customer,
        "": promotion.standing,
        **moves,
        "migrations": "; ".join(map(str, promotion.migrations)),
        "because": promotion.because,
    }


def short(value: str) -> str:
    """A digest or tag as people compare it: the first seven digits of what says something."""
    return value.removeprefix("sha256:").removeprefix("tree-").removeprefix("content-")[:7] or "nothing"


def _diff(promotion: Promotion) -> str:
    shown = "\n".join(promotion.diff.splitlines()[:DIFF_LINES])
    return f"**{promotion.customer}**\n\n```diff\n{_plain(shown)}\n```"


def _title(commit: str, subject: str) -> str:
    return f"release {commit[:7]}, {_cell(subject)[:100]}"
