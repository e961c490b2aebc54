"""Which pictures go onto the run's page."""

from tasks.models import SuiteResult
from tasks.suites import kept
from tasks.suites.pictures import MAX_BYTES, MOST, pictures

PNG = b"\x89PNG\r\n\x1a\n"


def test_small_pictures_of_first_attempts_are_taken_and_only_pictures() -> None:
    files = {
        "e2e-smoke/artifacts/a.png": PNG,
        "e2e-smoke/artifacts/large.png": PNG + b"0" * MAX_BYTES,
        "e2e-smoke/artifacts/page.png": b"<script>",
        "e2e-smoke/artifacts/trace.zip": b"PK",
        "e2e-smoke-2/artifacts/a.png": PNG,
    } | {f"e2e-smoke/artifacts/b{n}.PNG": PNG for n in range(MOST)}
    for name, content in files.items():
        path = kept.runs() / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    named = (*(f"run/{name}" for name in files), "run/e2e-smoke/artifacts/gone.png")
    suite = SuiteResult(suite="smoke", component="e2e", passed=0, seconds=1, junit=True, kept=named)
    found = pictures([suite])
    assert list(found) == ["run/e2e-smoke/artifacts/a.png"] + [
        f"run/e2e-smoke/artifacts/b{n}.PNG" for n in range(MOST - 1)
    ]
    assert all(address.startswith("data:image/png;base64,iVBOR") for address in found.values())
