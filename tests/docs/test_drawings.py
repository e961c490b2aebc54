"""Every drawing of every page is drawn by Mermaid itself, and can be read; those of the pipeline are what the flow does."""

import re
from typing import get_args

import pytest
import yaml

from deployments.docs import architecture, flow_source, pipeline
from deployments.docs.drawings import ROOT, Broken, Drawing, Pencil, drawings, drawings_of
from tasks.models.outcome import OutcomeName

EVERY = drawings()
# A page is some 760 px wide: wider drawings are shown smaller than people read.
WIDEST, MOST_NODES = 1200, 15


@pytest.mark.parametrize("drawing", EVERY, ids=lambda d: f"{d.page}:{d.line}")
def test_a_drawing_is_drawn_and_can_be_read(drawing: Drawing, pencil: Pencil) -> None:
    try:
        svg = pencil.draw(drawing.text)
    except Broken as broken:
        pytest.fail(f"{drawing.page}, line {drawing.line + broken.line - 1}: {broken}")
    width = float(re.search(r'viewBox="\S+ \S+ (\S+) ', svg)[1])  # type: ignore[index]
    nodes = svg.count('class="node ')
    assert (width <= WIDEST, nodes <= MOST_NODES) == (True, True), f"{width:.0f} px wide, {nodes} nodes: split it"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("flowchart LR\n  a --> b\n  b ==>| c\n", 3),
        ("sequenceDiagram\n  a->>b: x\n  b knows a\n", 3),
        ("stateDiagram-v2\n  a --> b\n  c -->\n", 3),
        ("flowchrat LR\n  a --> b\n", 1),
    ],
)
def test_a_broken_drawing_is_told_with_its_line(text: str, line: int, pencil: Pencil) -> None:
    (drawing,) = drawings_of("page.md", f"# Page\n\n```mermaid\n{text}```\n")
    assert drawing.line == 4
    with pytest.raises(Broken) as broken:
        pencil.draw(drawing.text)
    assert broken.value.line == line, broken.value


def test_no_drawing_is_overlooked() -> None:
    fences = {p: p.read_text().count("```mermaid") for p in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]}
    assert sum(fences.values()) == len(EVERY) >= 7, "a fence that is indented, or not closed, is not seen"


def test_the_drawings_name_the_steps_of_the_flow_as_prefect_does() -> None:
    drawn = "".join(make() for make in architecture.DRAWINGS.values())
    for label in (
        "check out",
        "build image",
        "check migrations",
        "end to end",
        "make plan",
        "commit",
        "verify",
        "soak",
    ):
        assert f'"{label}"' in drawn
        assert label in {*flow_source.labels().values()}
    assert drawn.index("find_changes") < drawn.index("make_plan") < drawn.index("report[")


def test_a_step_that_is_new_in_the_flow_is_drawn(tmp_path: flow_source.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("flows/release.py", "tasks/checks.py", "tasks/ring.py", "tasks/steps.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    flow = (tmp_path / "flows/release.py").read_text()
    more = flow.replace("    steps.show_plan(plan)\n", "    steps.show_plan(plan)\n    steps.weigh_plan(plan)\n")
    (tmp_path / "flows/release.py").write_text(more)
    monkeypatch.setattr(flow_source, "ROOT", tmp_path)
    assert 'weigh_plan["weigh plan"]' in pipeline.release()


def test_a_result_that_is_needed_is_an_arrow() -> None:
    lines = set(pipeline.prove().split("\n  "))
    assert {"build_image --> run_smoke_suite", "build_target --> judge_migrations", "run_suite --> gate"} <= lines
    assert "build_image --> run_suite" not in lines
    assert "build_image --> gate" not in lines, "the end-to-end tests need it already"


def test_every_outcome_is_in_the_drawing_and_in_the_table() -> None:
    part = architecture.PAGE.read_text().partition("## How a promotion ends")[2]
    drawn = part.partition("```mermaid\n")[2].partition("```")[0]
    rows = re.findall(r"^\| ([a-z ]+) \| .* \| (yes|no) \|$", part, re.MULTILINE)
    outcomes = set(get_args(OutcomeName))
    assert {name for name, _ in rows} == outcomes
    assert {name for name in outcomes if re.search(rf"\b{name}\b", drawn)} == outcomes
    from tasks.models.outcome import COMPLETE

    assert {name for name, well in rows if well == "yes"} == COMPLETE


def test_every_deployment_is_in_the_drawing_of_what_triggers_what() -> None:
    drawn = architecture.PAGE.read_text().partition("## What triggers what")[2].partition("## ")[0]
    names = [d["name"] for d in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]]
    assert not [name for name in names if f'(["{name}"])' not in drawn]
