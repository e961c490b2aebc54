"""A file in which several customers stand: all of their values are set at once, or the last one would undo the others."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from tasks.gitops import state
from tasks.gitops.edit import join
from tasks.gitops.layout import Layout
from tasks.gitops.yaml_bytes import Scalar
from tasks.models import Release


def shared(files: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Customer -> files that change for it; the files that change for more than one, with their customers."""
    customers: dict[str, list[str]] = defaultdict(list)
    for customer, paths in files.items():
        for path in paths:
            customers[path].append(customer)
    return {path: names for path, names in customers.items() if len(names) > 1}


def joined(layout: Layout, file: str, releases: Mapping[str, Release]) -> bytes:
    """The file with the images of each customer's release, as each alone would set them. Raises `CannotEdit`."""
    with state.named(file):
        values: dict[Scalar, str] = {}
        for customer, release in releases.items():
            for image in release.images:
                found = layout.values(image.component, customer, image)
                join(values, found.get(file, {}), image.component)
        return layout.tip.document(file).replaced(values)
