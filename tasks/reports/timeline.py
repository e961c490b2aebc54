"""Where the time went: the chain of steps that decided how long a run took."""

from collections.abc import Mapping

from tasks.models import Span


def critical_path(spans: Mapping[str, Span]) -> list[Span]:
    """The longest chain of steps, each of which needed the one before; first step first. Empty without steps."""
    best: dict[str, tuple[float, str | None]] = {}

    def longest(key: str) -> float:
        if key not in best:
            before = [(longest(k), k) for k in spans[key].after if k in spans]
            seconds, previous = max(before, default=(0.0, None))
            best[key] = (seconds + spans[key].end - spans[key].start, previous)
        return best[key][0]

    key = max(spans, key=longest, default=None)
    path = []
    while key is not None:
        path.append(spans[key])
        key = best[key][1]
    return path[::-1]


def wall_seconds(spans: Mapping[str, Span]) -> float:
    """Seconds in which at least one step ran: waiting for a person between steps does not count."""
    total, reached = 0.0, 0.0
    for span in sorted(spans.values(), key=lambda s: s.start):
        total += max(0.0, span.end - max(span.start, reached))
        reached = max(reached, span.end)
    return total
