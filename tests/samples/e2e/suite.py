"""A suite: each argument is `NAME:pass`, `NAME:fail` or `NAME:flaky`, which passes when it is asked for by name or all run again."""

import os
import pathlib
import sys
from xml.sax.saxutils import escape

asked = os.environ["FAILED_TESTS"] and pathlib.Path(os.environ["FAILED_TESTS"]).read_text().split()
cases, failed = "", False
for name, _, does in (argument.partition(":") for argument in sys.argv[1:]):
    if asked and name not in asked:
        continue
    well = does == "pass" or (does == "flaky" and asked)
    failed |= not well
    said = "" if well else f'<failure message="{escape(name)} went wrong">suite.py:21: in {name}\nE  wrong</failure>'
    cases += f'<testcase name="{name}">{said}</testcase>'
    if not well:
        folder = pathlib.Path(os.environ["ARTIFACTS"], name)
        folder.mkdir(parents=True)
        (folder / "screenshot.png").write_bytes(b"\x89PNG\r\n\x1a\n")
pathlib.Path(os.environ["JUNIT"]).write_text(f"<testsuite>{cases}</testsuite>")
print("ran", asked or "all", "of", os.environ.get("PROJECT"), os.environ.get("SHARD"))
sys.exit(failed)
