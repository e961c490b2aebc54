"""Runs revisions, each job in a process of its own: what ends, hangs or shouts takes only itself along."""

import json
import os
import signal
import sys
import threading
import time
import traceback

from slipway_connection import REVISIONS, go_to
from slipway_revisions import OPENED, configuration, problem

TAIL = 8000


def run(config, jobs):
    """Each job in a child process, all at once."""
    children = [Child(config, job) for job in jobs]
    return {"jobs": [child.answer() for child in children]}


class Child:
    """One job, its last words, and what was known of it when it ended."""

    def __init__(self, config, job):
        self.job, self.tail, self.deadline = job, b"", time.monotonic() + job["seconds"]
        said, output = os.pipe(), os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output[1], 1)
            os.dup2(output[1], 2)
            work(config, job, said[1])
            os._exit(0)
        os.close(said[1])
        os.close(output[1])
        self.said = b""
        self.readers = [self.follow(said[0], "said", 50_000_000), self.follow(output[0], "tail", TAIL)]

    def follow(self, source, name, limit):
        def read():
            while chunk := os.read(source, 65536):
                setattr(self, name, (getattr(self, name) + chunk)[-limit:])
            os.close(source)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def answer(self):
        stopped = self.wait()
        for reader in self.readers:
            reader.join(5)
        lines = [json.loads(line) for line in self.said.decode().splitlines() if line.endswith("}")]
        result = {"problem": None, "warnings": [], "opened": [], "missing": [], "stopped": stopped, "done": False}
        for line in lines:
            result.update(line)
        result["tail"] = self.tail.decode(errors="replace").splitlines()[-20:]
        if not result["done"] and not result["problem"]:
            why = f"stopped after {self.job['seconds']:g} s" if stopped else "the run ended in the middle of it"
            result["problem"] = {"kind": "upgrade", "what": why, "where": config_place(lines), "revision": None}
        return result

    def wait(self):
        while not os.waitpid(self.pid, os.WNOHANG)[0]:
            if time.monotonic() > self.deadline:
                os.killpg(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                return True
            time.sleep(0.002)
        return False


def config_place(lines):
    return next((line["at"] for line in reversed(lines) if "at" in line), "")


def work(config_path, job, channel):
    """In the child: upgrade, and what is asked for beside it. Says what it knows as soon as it knows it."""

    def say(**known):
        os.write(channel, (json.dumps(known) + "\n").encode())

    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    if job["seconds"] > 3:
        threading.Timer(job["seconds"] - 1, lambda: say(at=place_of(threading.main_thread()))).start()
    try:
        go_to(job["url"])
        from alembic import command

        config = configuration(config_path)
        for revision in job["to"]:
            command.upgrade(config, revision)
        say(opened=sorted(OPENED))
        if job.get("check") and job["to"]:
            say(missing=missing(config))
        if "down" in job:
            say(warnings=downgrade(config, job["down"]))
        say(done=True)
    except BaseException as error:  # see above
        say(problem=problem(error, "upgrade"))
    finally:
        os._exit(0)


def end_with(parent):
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def place_of(thread):
    frames = traceback.extract_stack(sys._current_frames()[thread.ident])
    inside = [f for f in frames if f.filename in REVISIONS] or frames[-1:]
    return f"{inside[-1].filename}, line {inside[-1].lineno}"


def missing(config):
    """What the models have and the database lacks, as Alembic's own comparison says; nothing without models."""
    from alembic.autogenerate import RevisionContext
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    script = ScriptDirectory.from_config(config)
    names = ("message", "sql", "head", "splice", "branch_label", "version_path", "rev_id", "depends_on")
    arguments = {**dict.fromkeys(names), "sql": False, "head": "head", "splice": False, "autogenerate": True}
    context = RevisionContext(config, script, arguments)

    def compare(revision, migration):
        context.run_autogenerate(revision, migration)
        return []

    try:
        with EnvironmentContext(
            config, script, fn=compare, as_sql=False, template_args=context.template_args, revision_context=context
        ):
            script.run_env()
        operations = context.generated_revisions[-1].upgrade_ops.as_diffs()
    except CommandError:
        return []  # env.py has no target_metadata
    except Exception as error:  # the comparison is a courtesy
        return [["unknown", f"{type(error).__name__}: {error}"[:300], ""]]
    found = []
    for operation in operations:
        if isinstance(operation, tuple) and operation[0] == "add_table":
            found.append(["table", operation[1].fullname, ""])
        elif isinstance(operation, tuple) and operation[0] == "add_column":
            schema = f"{operation[1]}." if operation[1] else ""
            found.append(["column", schema + operation[2], operation[3].name])
    return found


def downgrade(config, target):
    """All the way back in one go; which revision's downgrade() it stopped at is noted as it goes."""
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script, at = ScriptDirectory.from_config(config), {"revision": ""}

    def steps(revision, context):
        for step in script._downgrade_revs(target, revision):
            at["revision"] = step.revision.revision
            yield step

    try:
        with EnvironmentContext(config, script, fn=steps, as_sql=False, destination_rev=target):
            script.run_env()
    except BaseException as error:  # see above
        return [{**problem(error, "upgrade"), "revision": at["revision"]}]
    return []
