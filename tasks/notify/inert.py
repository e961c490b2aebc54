"""Text that others wrote, made harmless for any chat or mail program: no markup, no link, no mention, one line."""

from tasks.output import printable

# Each program has an escape of its own, and some have none: what could be active is replaced by what only looks alike.
ALIKE = str.maketrans({"<": "‹", ">": "›", "`": "'", "@": "＠", "*": "∗", "~": "∼", "|": "¦"})
BROKEN = (("://", "[:]//"), ("](", "] ("), ("www.", "www[.]"), ("mailto:", "mailto[:]"))


def inert(text: str, longest: int = 200) -> str:
    """One line of at most so many characters, known secrets masked.

    `<!channel>`, `@all`, `[text](address)`, bare addresses and HTML of a commit's subject or a test's name do nothing.
    """
    line = " ".join(" ".join(map(printable, text.splitlines())).split()).translate(ALIKE)
    for active, broken in BROKEN:
        line = line.replace(active, broken)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
