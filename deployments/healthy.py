"""`python -m deployments.healthy URL`: ends with 0 when a server answers 2xx there; what health checks of containers run."""

import sys
import urllib.request


def main(url: str) -> int:
    """0: it answers; 1: it does not, with the reason on standard error."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - an address of the compose file
            return 0
    except OSError as error:
        sys.stderr.write(f"{url}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
