"""What /metrics tells Prometheus, and /health people."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The receiver's counters. Labels are names of configured apps only: what strangers send makes no new ones."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        make = {"registry": self.registry, "namespace": "slipway"}
        self._deliveries = Counter("deliveries", "Requests to /hooks by answer.", ["app", "outcome"], **make)
        self._seconds = Histogram("delivery_seconds", "From headers to answer.", ["app"], buckets=SECONDS, **make)
        self._waiting = Gauge("spool_waiting", "Deliveries that are no run yet.", ["app"], **make)
        self._oldest = Gauge("spool_oldest_seconds", "Age of the oldest delivery that is no run yet.", ["app"], **make)
        self._runs = Counter("runs_asked", "Runs that Prefect was asked for.", ["app"], **make)
        self._failures = Counter("prefect_failures", "Tries in which no run was made of what waits.", ["app"], **make)
        self._looks = Counter("looks", "Looks at the app's repository.", ["app", "result"], **make)
        self._looked = Gauge("last_look_timestamp_seconds", "The last look that was answered.", ["app"], **make)
        self.failing: set[str] = set()
        """Apps whose repository did not answer the last look."""
        self.undelivered: set[str] = set()
        """Apps whose last try to ask Prefect failed."""

    def answered(self, app: str, outcome: str, seconds: float) -> None:
        """One request to an app's route."""
        self._deliveries.labels(app, outcome).inc()
        self._seconds.labels(app).observe(seconds)

    def asked(self, app: str) -> None:
        """Prefect has a run."""
        self._runs.labels(app).inc()

    def delivered(self, app: str) -> None:
        """What waited has been dealt with."""
        self.undelivered.discard(app)

    def failed(self, app: str) -> None:
        """Prefect has not."""
        self._failures.labels(app).inc()
        self.undelivered.add(app)

    def looked(self, app: str, well: bool) -> None:
        """The repository was asked where its branch is."""
        self._looks.labels(app, "answered" if well else "failed").inc()
        (self.failing.discard if well else self.failing.add)(app)
        if well:
            self._looked.labels(app).set(time.time())

    def text(self, waiting: dict[str, tuple[int, float]]) -> bytes:
        """Prometheus' text format; `waiting` is app -> number of deliveries in the spool and age of the oldest."""
        for app, (number, seconds) in waiting.items():
            self._waiting.labels(app).set(number)
            self._oldest.labels(app).set(seconds)
        return generate_latest(self.registry)
