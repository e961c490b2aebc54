"""What people read about a release: tables and Markdown, made from values alone."""

from collections.abc import Mapping, Sequence

from tasks.models import Evidence, Outcome, Plan, Promotion, Reason, Release, RingPlan, Source, Span
from tasks.timeline import critical_path, wall_seconds

DIFF_LINES = 400


def tests_table(evidence: Evidence) -> list[dict[str, object]]:
    """A row per suite, and one per failed test below it."""
    rows: list[dict[str, object]] = []
    for s in evidence.suites:
        verdict = f"{len(s.failed)} failed" if s.failed else "passed"
        rows.append(
            {
                "suite": f"{s.component} {s.suite}",
                "result": verdict,
                "passed": s.passed,
                "skipped": s.skipped,
                "seconds": round(s.seconds, 1),
            }
        )
        rows += [
            {
                "suite": f"{s.component} {s.suite}",
                "result": f"FAILED {t.name}",
                "passed": "",
                "skipped": "",
                "seconds": t.message[:200],
            }
            for t in s.failed
        ]
    return rows


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


def refusal(source: Source, reasons: Sequence[Reason], evidence: Evidence) -> str:
    """Markdown: nothing was written, and every reason why."""
    blocks = "\n\n".join(f"```\n{_plain(str(r))}\n```" for r in reasons)
    return (
        f"# Refused: {_title(source.commit, source.subject)}\n\nNothing was written to the GitOps repository; every customer keeps "
        f"what it runs. {len(reasons)} reason{'s' if len(reasons) != 1 else ''}:\n\n{blocks}\n\n{tests_section(evidence)}"
    )


def plan_text(plan: Plan) -> str:
    """Markdown: per ring and customer what will change, with the diff of the files."""
    release = plan.release
    head = (
        f"# Plan `{plan.hash}`: {_title(release.commit, release.subject)}\n\nGitOps repository at `{plan.tip[:7]}`.\n"
    )
    return head + "\n" + images_section(release) + "\n\n" + "\n\n".join(_ring_section(r) for r in plan.rings)


def approval_text(plan: Plan, ring: RingPlan) -> str:
    """Markdown above the approval form: what moves, and what to fill in."""
    release = plan.release
    return (
        f"**{_title(release.commit, release.subject)}** to ring **{ring.name}**: {', '.join(ring.moving)}.\n\n"
        f"The plan with its diffs is on this run's page (artifact `plan`, hash `{plan.hash}`)."
    )


def release_text(
    plan: Plan, evidence: Evidence, outcomes: Sequence[Outcome], commits: Mapping[str, str], spans: Mapping[str, Span]
) -> str:
    """Markdown: what was released where, and all that led there."""
    release = plan.release
    done = sum(o.outcome in ("promoted", "unchanged") for o in outcomes)
    sections = [
        f"# {_title(release.commit, release.subject)}\n\n**{done} of {len(outcomes)} customers are seen running it.**",
        "## Customers\n\n" + _table(customers_table(outcomes)),
        "## GitOps commits\n\n"
        + ("\n".join(f"- {ring}: `{c}`" for ring, c in commits.items()) or "Nothing had to be written."),
        images_section(release),
        tests_section(evidence),
        migrations_section(evidence),
        timeline_section(spans),
        "## Plan\n\n" + "\n\n".join(_ring_section(r) for r in plan.rings),
    ]
    return "\n\n".join(s for s in sections if s)


def images_section(release: Release) -> str:
    """Markdown: one row per image."""
    rows = [
        {
            "component": i.component,
            "image": f"`{i.reference}`",
            "commit": i.revision[:7],
            "": "built" if i.built else "reused",
        }
        for i in release.images
    ]
    return "## Images\n\n" + _table(rows)


def tests_section(evidence: Evidence) -> str:
    """Markdown: one row per suite and failed test."""
    return "## Tests\n\n" + (
        _table(tests_table(evidence)) if evidence.suites else "Nothing that has tests was changed; none ran."
    )


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
        f"- {f.revision} {f.rule} {f.object}: {f.effect} (accepted: {f.accepted_because})"
        for f in report.findings
        if f.accepted_because
    ]
    lines += [
        f"- **{f.revision} {f.rule} {f.object}**: {f.effect}. {f.next_step}"
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


def _ring_section(ring: RingPlan) -> str:
    approval = ", asks for approval" if ring.approve else ""
    return f"### Ring {ring.name}{approval}\n\n" + "\n\n".join(_promotion(p) for p in ring.promotions)


def _promotion(promotion: Promotion) -> str:
    line = f"**{promotion.customer}**: {promotion.standing}" + (f": {promotion.because}" if promotion.because else "")
    diff = promotion.diff.splitlines()
    shown = "\n".join(diff[:DIFF_LINES])
    return line + (f"\n\n```diff\n{_plain(shown)}\n```" if diff else "")


def _title(commit: str, subject: str) -> str:
    return f"release {commit[:7]}, {_cell(subject)[:100]}"


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(_cell(str(row.get(c, ""))) for c in columns) + " |" for row in rows])


def _cell(text: str) -> str:
    """Text from commits and tests must not end a table cell or start markup of its own."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _plain(text: str) -> str:
    return text.replace("```", "'''")
