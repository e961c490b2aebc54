"""The pages of an approval link as HTML: plain, without scripts, readable on a phone."""

from html import escape

from jinja2 import Environment
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from deployments.approve.command import LONGEST_NOTE, Answer, Waiting

STYLE = """
:root { color-scheme: light dark; --line: #8884; --yes: #17692f; --no: #a4262c; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 52rem; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.25; }
h2, h3 { font-size: 1.1rem; }
form, details { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: 1rem 0; }
label { display: block; font-weight: 600; margin: .5rem 0 .25rem; }
input, textarea { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0 .25rem; }
button { font: inherit; font-weight: 600; color: #fff; border: 0; border-radius: .4rem; flex: 1 1 9rem; min-height: 3rem; cursor: pointer; }
.yes { background: var(--yes); }
.no { background: var(--no); }
button:focus-visible, input:focus-visible, textarea:focus-visible, summary:focus-visible { outline: 3px solid #4a90d9; outline-offset: 2px; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: .9rem; overflow-wrap: normal; }
th, td { border: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
pre { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; padding: .5rem; font-size: .8rem; overflow-wrap: normal; }
.added { color: #17692f; }
.removed { color: #a4262c; }
@media (prefers-color-scheme: dark) { .added { color: #6cc985; } .removed { color: #ff8f8f; } }
"""
LAYOUT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
{{ body }}
</main>
</body>
</html>
"""
QUESTION = """
{{ asks }}
<form method="post" autocomplete="off">
{% if by %}<p>You answer as <strong>{{ by }}</strong>.</p>
{% else %}<label for="by">Your name</label><input id="by" name="by" required maxlength="100" autocomplete="name">
{% endif %}<label for="note">Note (why; it stands in the run)</label>
<textarea id="note" name="note" rows="2" maxlength="{{ longest }}"></textarea>
<div class="buttons">
<button class="yes" name="decision" value="approve">Approve</button>
<button class="no" name="decision" value="reject">Reject</button>
</div>
</form>
<details open><summary>The plan</summary>
{{ plan }}
</details>
"""
ANSWERED = """
<p>Plan <code>{{ given.plan }}</code> of ring <strong>{{ given.ring }}</strong> was <strong>{{ decided }}</strong> by <strong>{{ given.by }}</strong>.</p>
{% if given.note %}<p>{{ given.note }}</p>{% endif %}
<p>Nothing more is to be done here. The <a href="{{ url }}" rel="noreferrer">run's page</a> says how it goes on.</p>
"""
REFUSAL = """
<p>{{ next_step }}</p>
"""
PAGES = Environment(autoescape=True)


def question_page(asked: Waiting, by: str) -> str:
    """What is asked, the form, and the plan; `by` is who answers, or empty where the page asks for the name."""
    body = PAGES.from_string(QUESTION).render(
        asks=_markdown(asked.asks), by=by, longest=LONGEST_NOTE, plan=_markdown(asked.text)
    )
    return _whole(f"May ring {asked.ring} move?", body)


def answered_page(given: Answer, url: str) -> str:
    """Who answered what, and the run's page; shown to whoever opens the link after that."""
    decided = {"approve": "approved", "reject": "rejected"}[given.decision]
    body = PAGES.from_string(ANSWERED).render(given=given, url=url, decided=decided)
    return _whole(f"Ring {given.ring} was {decided}", body)


def refusal_page(what: str, next_step: str) -> str:
    """Why nothing can be answered here, and what to do instead."""
    return _whole(what[:1].upper() + what[1:], PAGES.from_string(REFUSAL).render(next_step=next_step))


def _whole(title: str, body: str) -> str:
    return PAGES.from_string(LAYOUT).render(title=title, style=Markup(STYLE), body=Markup(body))  # noqa: S704 - both are ours, or escaped


def _markdown(text: str) -> Markup:
    """A plan as HTML: markup in it is escaped, links and pictures are left as text, diffs have their colours."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link", "autolink"])
    reader.add_render_rule("fence", _fence)
    return Markup(reader.render(text))  # noqa: S704 - the renderer escapes what stands in the text


def _fence(_renderer: object, tokens: list[Token], number: int, *_: object) -> str:
    lines = (_line(line) for line in tokens[number].content.splitlines())
    return '<pre tabindex="0">' + "\n".join(lines) + "</pre>\n"


def _line(line: str) -> str:
    kind = {"+": "added", "-": "removed"}.get(line[:1])
    return f'<span class="{kind}">{escape(line)}</span>' if kind else escape(line)
