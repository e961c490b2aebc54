"""`make docs`: writes the pages that are made from the code anew, then builds the site."""

import sys

from deployments.docs import pages, site


def main() -> None:
    """Says what was written, and where the site is."""
    for name in pages.write():
        sys.stdout.write(f"docs/{name}: written anew\n")
    try:
        sys.stdout.write(f"{site.build().relative_to(site.ROOT)}/index.html: the site\n")
    except site.SiteBroken as broken:
        sys.exit(str(broken))


if __name__ == "__main__":
    main()
