"""What keeps revisions from being judged at all, as a finding like any other: family `graph`."""

from tasks.models import Finding


def problem(
    rule: str, effect: str, evidence: str, next_step: str, revision: str = "", blocking: bool = True
) -> Finding:
    """A finding of the graph family that is about no single object."""
    return Finding(
        rule=rule,
        family="graph",
        blocking=blocking,
        revision=revision,
        object="",
        effect=effect,
        evidence=evidence,
        next_step=next_step,
    )
