"""What keeps revisions from being judged at all, as a finding like any other: family `graph`, always blocking."""

from tasks.models import Finding


def problem(rule: str, effect: str, evidence: str, next_step: str, revision: str = "") -> Finding:
    """A blocking finding of the graph family that is about no single object."""
    return Finding(
        rule=rule,
        family="graph",
        blocking=True,
        revision=revision,
        object="",
        effect=effect,
        evidence=evidence,
        next_step=next_step,
    )
