"""`make bench`: how long things take here, beside the raw tool where there is one. Printed, never asserted.

Runs the demo in a folder of its own, with the images that this machine has: cold figures need a cold machine.
"""

import sys
import tempfile
from pathlib import Path

from tests import bench_builds, bench_demo, bench_gitops, bench_migrations, bench_receiver, bench_yaml
from tests.bench_demo import timed


def main() -> None:
    """Prints one line per figure."""
    timed("python -c pass", [sys.executable, "-c", "pass"])
    timed("python -c 'import prefect'", [sys.executable, "-c", "from prefect import flow, task"])
    timed("import flows.release", [sys.executable, "-c", "import flows.release"])
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        bench_demo.main(Path(folder, "world"))
    bench_builds.main()
    bench_gitops.main()
    bench_receiver.main()
    bench_migrations.main()
    bench_yaml.main()


if __name__ == "__main__":
    main()
