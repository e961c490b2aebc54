"""The files by which a suite and Slipway speak with each other, in the suite's own container."""

JUNIT = "/tmp/slipway-junit.xml"  # noqa: S108
COVERAGE = "/tmp/slipway-coverage"  # noqa: S108
SHARD_TESTS = "/tmp/slipway-shard-tests"  # noqa: S108
FAILED_TESTS = "/tmp/slipway-failed-tests"  # noqa: S108
ARTIFACTS = "/tmp/slipway-artifacts"  # noqa: S108
