"""Tells a commit's check, as people see it beside the commit and on the pull request."""

from tasks.config.forge import Forge
from tasks.forge.forges import connect
from tasks.models import CommitId, StatusState


def set_status(
    settings: Forge, commit: CommitId, context: str, state: StatusState, description: str, url: str = ""
) -> None:
    """Sets the check `context` of a commit; the newest one counts, so that it can be set again and again.

    `description` is cut at 140 characters, the least that the forges take; `url` is where the check's details are.
    """
    with connect(settings) as forge:
        forge.set_status(commit, context, state, description[:140], url)
