"""A Dockerfile is read as far as answers need it: lines, targets, and what only BuildKit understands."""

import pytest

from tasks.images.dockerfile import instructions, line_of_image, line_of_step, needs_buildkit, targets

TEXT = """# comment with python:3.13-slim

FROM python:3.13-slim AS base
RUN echo one && \\
    # a comment inside
    echo two
RUN cat <<END > /x
FROM inside:1
END
FROM base as final
copy --from=docker.io/library/tool:latest /a /b
"""


def test_instructions_know_their_lines_through_continuations_and_here_documents() -> None:
    told = [(i.line, i.keyword) for i in instructions(TEXT)]
    assert told == [(3, "FROM"), (4, "RUN"), (7, "RUN"), (10, "FROM"), (11, "COPY")]
    assert targets(TEXT) == ["base", "final"]


def test_a_builders_step_and_an_image_have_their_lines() -> None:
    assert line_of_step(TEXT, "RUN echo one &&     echo two") == 4
    assert line_of_step(TEXT, "RUN something else") is None
    assert line_of_step(TEXT, "") is None
    assert line_of_image(TEXT, "docker.io/library/python:3.13-slim") == 3
    assert line_of_image(TEXT, "docker.io/library/tool:latest") == 11
    assert line_of_image("# syntax=docker/dockerfile:1\nFROM a\n", "docker.io/docker/dockerfile:1") == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# syntax=docker/dockerfile:1\nFROM a", (1, "# syntax=")),
        ("#check=skip=all\nFROM a", (1, "# check=")),
        ("FROM a\n# syntax=docker/dockerfile:1", None),
        ("# escape=`\nFROM a\nRUN `\n  --mount=type=cache,target=/c y", (3, "RUN --mount")),
        ("FROM a\nRUN --mount=type=cache,target=/c true", (2, "RUN --mount")),
        ("FROM a\nRUN --network=none true", (2, "RUN --network")),
        ("FROM a\nRUN <<EOF\necho\nEOF", (2, "RUN <<EOF")),
        ("FROM a\nCOPY <<-'EOF' /x\ny\nEOF", (2, "COPY <<-'EOF")),
        ("FROM a\nCOPY --link a b", (2, "COPY --link")),
        ("FROM a\nCOPY --chmod=755 a b", (2, "COPY --chmod")),
        ("FROM a\nADD --checksum=sha256:1 https://x.example.no/a /", (2, "ADD --checksum")),
        ("FROM --platform=linux/arm64 a", (1, "FROM --platform")),
        ("FROM a\nARG TARGETARCH", (2, "ARG TARGETARCH")),
        ("FROM a\nCOPY --chown=1 --from=x a b\nRUN pip install --mount x <<<y", None),
        ("FROM a\nARG TARGET\nRUN cat < x && echo 1 '<' 2", None),
        ("", None),
    ],
)
def test_what_needs_buildkit_is_found_with_its_line(text: str, found: tuple[int, str] | None) -> None:
    assert needs_buildkit(text) == found


def test_a_file_that_is_no_dockerfile_has_no_instructions_worth_naming() -> None:
    assert needs_buildkit("\x00\x01" * 1000) is None
    assert len(instructions("RUN x\n" * 30_000)) == 20_000
