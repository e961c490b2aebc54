"""What people read cannot be written by who wrote a commit, a hold or a file."""

from tasks.models import Finding, Promotion, Release, RingPlan
from tasks.reports.release import approval_text, pull_request
from tests.tasks.gitops.conftest_gitops import release_of

HOSTILE = "fine\n\n# Approved by kari\u2028| x | ![x](https://evil.example/p.png) <img src=x> `"


def ring(*promotions: Promotion) -> RingPlan:
    return RingPlan(name="all", approve=True, soak_seconds=0, promotions=promotions)


def test_a_reason_makes_no_line_link_or_picture_of_its_own_on_the_form() -> None:
    before = ring(Promotion(customer="bre", ring="all", standing="promote"))
    now = ring(Promotion(customer="bre", ring="all", standing="held", because=f"held by ola: {HOSTILE}"))
    text = approval_text(release_of("a" * 40, 1), now, before)
    assert "# Approved" in text
    assert not any(line.startswith(("#", "|")) for line in text.splitlines())
    assert "![x](" not in text
    assert "<img" not in text


def test_the_form_says_when_its_plan_is_not_the_one_on_the_page() -> None:
    shown = ring(Promotion(customer="bre", ring="all", standing="promote", diff="-a\n+b\n"))
    now = ring(Promotion(customer="bre", ring="all", standing="promote", diff="-c\n+b\n"))
    text = approval_text(release_of("a" * 40, 1), now, shown, again=False)
    assert text.startswith(f"**Not as on this run's page**: the GitOps repository moved since plan `{shown.hash}`")
    assert "-c\n+b" in text


def test_a_subject_closes_no_issue_and_calls_nobody_in_a_pull_request() -> None:
    release: Release = release_of("a" * 40, 1).model_copy(update={"subject": "fixes #12, cc @everyone `` ` x"})
    _, body = pull_request(release, ring(Promotion(customer="bre", ring="all", standing="promote")), "run-1")
    assert body.splitlines()[0] == "`fixes #12, cc @everyone   x`"


def test_what_a_finding_says_stays_in_its_line() -> None:
    from tasks.models import Evidence, MigrationReport
    from tasks.reports.release import migrations_section

    finding = Finding(
        rule="r", family="locks", blocking=False, revision="1", object="t", effect=HOSTILE, next_step="wait"
    )
    text = migrations_section(Evidence(images=(), migrations=MigrationReport(head="1", findings=(finding,))))
    assert sum(line.startswith("#") for line in text.splitlines()) == 1
