"""Starts the command line; an interrupt while it is still being read ends as quietly as a later one."""

import sys


def main() -> None:
    """`slipway`, and `python -m deployments`."""
    try:
        from deployments.cli.ending import run
        from deployments.cli.main import app

        run(app)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
