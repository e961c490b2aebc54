"""The automations that Slipway has on a Prefect server: what Prefect itself can do right."""

from datetime import timedelta

from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from tasks.run.watchdog import ATTEMPTS, TAG

# A worker reports a killed process twice: at once, and when the flow's hook for crashes has cleaned up after it, seconds later.
# A run that had begun again by then would be crashed by the second report.
QUIET = timedelta(seconds=60)
RETRY = AutomationCore(
    name="slipway: begin a crashed run again",
    description=(
        f"A run whose process was killed goes on where it stopped, {ATTEMPTS} attempts in all, {QUIET.seconds} s after the "
        "crash. What was refused is not tried again. Made by `slipway server apply`."
    ),
    trigger=EventTrigger(
        posture=Posture.Proactive,
        after={"prefect.flow-run.Crashed"},
        # What a person's Retry would bring.
        expect={f"prefect.flow-run.{name}" for name in ("Scheduled", "AwaitingRetry", "Pending", "Running")},
        # The count of attempts is in each event, so this ends by itself; a run that never ran has 0, see tasks/run/watchdog.py.
        match={
            "prefect.resource.id": "prefect.flow-run.*",
            "prefect.run-count": [str(n) for n in range(1, ATTEMPTS)],
        },
        match_related={"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"},
        # Each attempt for itself: a run that a person began again at once, and that crashed again, would count as begun.
        for_each={"prefect.resource.id", "prefect.run-count"},
        threshold=1,
        within=QUIET,
    ),
    actions=[ChangeFlowRunState(state="SCHEDULED", name="AwaitingRetry", message="begun again after a crash")],
)
EVERY = (RETRY,)


def differs(wanted: AutomationCore, there: AutomationCore) -> list[str]:
    """The parts of an automation that are not as they should be; whether it is switched on is a person's business."""
    one, other = (a.model_dump(mode="json", include={"description", "trigger", "actions"}) for a in (wanted, there))
    for dump in (one, other):
        dump["trigger"].pop("id", None)  # the server gives it one
        for names in ("after", "expect", "for_each"):  # sets, which come in any order
            dump["trigger"][names] = sorted(dump["trigger"][names])
    return [part for part in one if one[part] != other[part]]
