"""Mermaid in Chromium, for the tests of drawings, PDFs and the site."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from deployments.docs import drawings, mermaid_package


@pytest.fixture(scope="session")
def mermaid() -> None:
    """Mermaid is installed. Where it cannot be had, tests are skipped on a laptop and fail in CI."""
    try:
        mermaid_package.script()
    except (OSError, subprocess.SubprocessError) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"mermaid cannot be had: {error}")


@pytest.fixture(scope="module")
def pencil(mermaid: None) -> Iterator[drawings.Pencil]:
    """What draws."""
    with drawings.pencil() as started:
        yield started
