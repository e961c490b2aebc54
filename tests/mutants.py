"""Deliberate faults in the code that writes GitOps repositories, one at a time, in a copy: the tests named for each must fail.

Prints a table and exits with 1 when a fault survives, or when it cannot be made because the code has changed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("tasks", "tests", "deployments", "flows", "pyproject.toml")
LIMIT_SECONDS = 300
FAILED = 1
"""What pytest ends with when tests failed; anything above means that it ran none."""

PEOPLE, ORDER, LOST = (f"tests/reliability/test_{name}.py" for name in ("people", "order", "lost_answers"))
HOSTILE, GATES = "tests/reliability/test_hostile.py", "tests/reliability/test_gates.py"
YAML_BYTES = "tests/tasks/gitops/test_yaml_bytes.py"


@dataclass(frozen=True)
class Mutant:
    """A fault: text of a file that stands there once, what is put in its place, and the tests that must see it."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    chosen: str
    """pytest's -k: which of these tests."""


MUTANTS = (
    Mutant("push by force", "push.py", 'f"--force-with-lease={branch}:{tip}"', '"--force"', PEOPLE, "another and kept"),
    Mutant("push by +refspec", "push.py", 'f"{commit}:{branch}"', 'f"+{commit}:{branch}"', PEOPLE, "another and kept"),
    Mutant("lease without the old value", "push.py", "={branch}:{tip}", "={branch}", PEOPLE, "another and kept"),
    Mutant("no lease", "push.py", 'f"--force-with-lease={branch}:{tip}", ', "", PEOPLE, "put_back_by_force"),
    Mutant(
        "own commit not recognised after a lost answer",
        "push.py",
        "if mirror.is_ancestor(commit, now):",
        "if not said and now == commit:",
        LOST,
        "answers_are_lost",
    ),
    Mutant(
        "retry by the text of the message",
        "push.py",
        "    return (_look(config, mirror), said) if said else",
        '    if said and "stale info" not in said and "non-fast-forward" not in said:\n'
        "        raise ServiceUnavailable.because(said)\n"
        "    return (_look(config, mirror), said) if said else",
        LOST,
        "who_comes_first or was_taken",
    ),
    Mutant("one look only after a bad push", "push.py", "LOOK_LIMIT = 5", "LOOK_LIMIT = 1", LOST, "cut_a_few_times"),
    Mutant(
        "edits not made again after the tip moved",
        "commit.py",
        "edits, present = again(config, release, tip, edits, present), True",
        'edits, present = edits.model_copy(update={"tip": tip}), True',
        PEOPLE,
        "another and kept",
    ),
    Mutant(
        "edits of another tip used again",
        "commit.py",
        "    present = are_present(writer.mirror, edits.edits)\n\n    def make(tip: str) -> str | None:\n"
        "        nonlocal edits, present\n"
        "        # The tip of the edits as they are now: a branch that went on and was put back is not where these were made.\n"
        "        if tip != edits.tip or not present:",
        "    present, first = are_present(writer.mirror, edits.edits), edits.tip\n\n    def make(tip: str) -> str | None:\n"
        "        nonlocal edits, present\n"
        "        if tip != first or not present:",
        PEOPLE,
        "put_back_again",
    ),
    Mutant(
        "merged by lines instead of planned again",
        "again.py",
        "touched = [name for name in there if not present or _read(old, name) != _read(new, name)]",
        "touched = []",
        PEOPLE,
        "kept",
    ),
    Mutant(
        "main asked once",
        "commit.py",
        "            require_on_main(config, release)\n            edits",
        "            edits",
        ORDER,
        "after_the_first or first-try or superseded_whenever",
    ),
    Mutant("approval not bound", "commit.py", "now.hash != ring.hash", "now.hash == ''", PEOPLE, "asked_again"),
    Mutant(
        "who was left alone moves when planned again",
        "again.py",
        "for e in before.edits if e.promotion.standing in MOVES",
        "for e in before.edits",
        PEOPLE,
        "took_away",
    ),
    Mutant(
        "value before the first release overwritten",
        "again.py",
        "    if not changed:\n        return now\n",
        "    return now\n",
        PEOPLE,
        "before_the_first_release",
    ),
    Mutant(
        "order by time",
        "order.py",
        "if self.mirror.is_ancestor(other, self.commit):",
        'if self.mirror.run("show", "-s", "--format=%ct", other) <= '
        'self.mirror.run("show", "-s", "--format=%ct", self.commit):',
        ORDER,
        "every_order_of_five",
    ),
    Mutant("order not checked", "edit.py", "return _against(order, stated) or", "return", ORDER, "every_order_of_five"),
    Mutant(
        "hold ignored", "edit.py", "if stated.hold and state.holds(stated.hold):", "if False:", PEOPLE, "hold and kept"
    ),
    Mutant(
        "conflict not seen",
        "edit.py",
        "if known and found not in wanted |",
        "if False and found not in wanted |",
        PEOPLE,
        "line and kept",
    ),
    Mutant(
        "half of a customer is written",
        "edit.py",
        "            _require_ours(stated, image.component, current[image.component], set(image.names))\n",
        "            try:\n"
        "                _require_ours(stated, image.component, current[image.component], set(image.names))\n"
        "            except CannotEdit:\n"
        "                continue\n",
        PEOPLE,
        "one and kept",
    ),
    Mutant(
        "state file not in the same commit",
        "edit.py",
        "{**changed, where: (layout.tip.content(where), new)}",
        "changed or {where: (layout.tip.content(where), new)}",
        PEOPLE,
        "another and kept",
    ),
    Mutant(
        "loaded and dumped",
        "yaml_bytes.py",
        '        return text.encode("utf-8")',
        '        return yaml.safe_dump(yaml.safe_load(text)).encode("utf-8")',
        PEOPLE,
        "another and kept",
    ),
    Mutant(
        "alias followed",
        "yaml_bytes.py",
        "if any(id(n) in self.shared for n in nodes):",
        "if False:",
        YAML_BYTES,
        "cannot_be_changed",
    ),
    Mutant("key twice taken", "yaml_bytes.py", "if times > 1:", "if times > 99:", PEOPLE, "twice"),
    Mutant(
        "link followed",
        "tip.py",
        "if step in self.entries and self.entries[step].mode not in REGULAR:",
        "if False:",
        HOSTILE,
        "a_link_is",
    ),
    Mutant(
        "a file gives way to a folder",
        "push.py",
        "if blocked := sorted(",
        "if False and sorted(",
        HOSTILE,
        "in_place_of",
    ),
    Mutant(
        "file mode lost",
        "push.py",
        "entries[path].mode if path in entries else",
        '"100644" if path in entries else',
        PEOPLE,
        "mode",
    ),
    Mutant("freeze ignored", "freeze.py", "(why := frozen(config, ring))", '(why := "")', GATES, "freeze"),
    Mutant(
        "contract ignored in a rollback",
        "rollback.py",
        "            if contracts:\n",
        "            if False:\n",
        GATES,
        "contract",
    ),
    Mutant(
        "rolled back twice by a second run",
        "rollback.py",
        "if self.release and stated.release.commit != self.release:",
        "if False:",
        LOST,
        "hold_and_a_rollback",
    ),
    Mutant(
        "every revision carries the release",
        "carries.py",
        "    if not _has_images(layout, release, customer):\n",
        "    if False:\n",
        GATES,
        "carries",
    ),
    Mutant(
        "who took the release back counts as moved on",
        "carries.py",
        'return Order(config, release.commit).of(stated.release.commit) != "newer"',
        "return False",
        GATES,
        "carries",
    ),
    Mutant(
        "revisions of other lines carry the release",
        "carries.py",
        "not mirror.has_commit(revision) or not mirror.is_ancestor(commit, revision)",
        "not mirror.has_commit(revision)",
        GATES,
        "another_line",
    ),
    Mutant(
        "a branch with a name like main's taken for it",
        "../git.py",
        'heads.get(f"refs/heads/{branch}")',
        "next(iter(heads.values()), None)",
        ORDER,
        "name_like_mains",
    ),
    Mutant("hostile names taken", "layout.py", "if is_name(n))", "if n)", HOSTILE, "left_alone"),
)


def main(wanted: list[str]) -> int:
    chosen = [m for m in MUTANTS if not wanted or any(w in m.name for w in wanted)]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda m: run(m, Path(folder, f"{MUTANTS.index(m)}")), chosen))
    for mutant, (what, seconds) in zip(chosen, ended, strict=True):
        print(f"{mutant.name:48} {what:10} {seconds:6.1f} s")
    survived = [m.name for m, (what, _) in zip(chosen, ended, strict=True) if what != "caught"]
    print(f"{len(chosen) - len(survived)} of {len(chosen)} caught")
    return 1 if survived else 0


def run(mutant: Mutant, copy: Path) -> tuple[str, float]:
    """caught, survived, or error when the fault cannot be made or its tests do not pass without it; seconds."""
    begun = time.monotonic()
    for name in COPIED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, _made(copy) / name)
    told = _judged(mutant, copy)
    shutil.rmtree(copy)
    return told, time.monotonic() - begun


def _made(copy: Path) -> Path:
    copy.mkdir(exist_ok=True)
    return copy


def _judged(mutant: Mutant, copy: Path) -> str:
    path = copy / "tasks/gitops" / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        return f"error: {text.count(mutant.old)} places"
    if code := _tested(mutant, copy):
        return f"error: ends with {code} before"
    path.write_text(text.replace(mutant.old, mutant.new))
    code = _tested(mutant, copy)
    return {0: "survived", FAILED: "caught"}.get(code, f"error: ends with {code}")


def _tested(mutant: Mutant, copy: Path) -> int:
    """pytest's exit code; tests that do not end in time have failed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", mutant.tests, "-k", mutant.chosen, "--tb=no"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(_made(copy / "tmp")),
    }
    try:
        return subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, timeout=LIMIT_SECONDS, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
