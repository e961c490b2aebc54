"""The end of a wait: a release that nobody approved in time goes on, to say so of every customer."""

from uuid import UUID

from prefect import flow

from tasks import steps


@flow(name="approval-timeout", retries=5, retry_delay_seconds=30)
def approval_timeout(run: UUID, question: str) -> None:
    """Wake a run that sleeps for an answer, unless it was answered."""
    steps.end_wait(run, question)
