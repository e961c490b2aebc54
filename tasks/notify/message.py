"""One message: what happened, where, and the one next command; short, the same as plain text and as Markdown."""

from typing import Literal

from tasks.models import Value
from tasks.notify.inert import inert

FACTS = 5
Event = Literal["failed", "approval", "done", "nightly"]


class Message(Value):
    """What is told. `subject` and `facts` may quote others and are made inert; the rest is our own."""

    event: Event
    good: bool
    what: str
    subject: str = ""
    facts: tuple[str, ...] = ()
    next_step: str = ""
    command: str = ""
    links: dict[str, str] = {}
    """Person -> address that answers in that person's name."""
    url: str = ""

    @property
    def title(self) -> str:
        """What happened, in one line."""
        return inert(self.what, 120)

    def plain(self) -> str:
        """The text without its title."""
        return self._text("")

    def markdown(self) -> str:
        """The same with the command as code; nothing else differs between programs that know Markdown."""
        return self._text("`")

    def _text(self, code: str) -> str:
        shown = [f"- {inert(fact)}" for fact in self.facts[:FACTS]]
        shown += [f"- and {len(self.facts) - FACTS} more"] if len(self.facts) > FACTS else []
        asked = [f"{inert(name, 60)}: {address}" for name, address in self.links.items()]
        following = [f"Next: {inert(self.next_step)}"] if self.next_step else []
        command = [f"Command: {code}{self.command}{code}"] if self.command else []
        where = [f"Run: {self.url}"] if self.url else []
        subject = [f"Commit: {inert(self.subject, 100)}"] if self.subject else []
        return "\n".join([*subject, *shown, *following, *command, *asked, *where])
