"""Runs beside the app, with the app's own Alembic, env.py, models and driver; the standard library otherwise.

`python probe.py` reads orders on its standard input, a JSON value each line, and answers each with a line of JSON on its
standard output, where nothing else is written. It is never imported by Slipway.

    {"do": "look", "config", "target"}           -> {"revisions", "heads", "problem", "opened"}
    {"do": "run", "config", "jobs": [job]}       -> {"jobs": [{"problem", "warnings", "opened", "missing", "stopped"}]}
    {"do": "map", "place": "file.py:ATTRIBUTE" or "package.module:ATTRIBUTE"} -> {"tables", "problem"}

A job is `{"url", "to": [revision], "seconds", "check": bool, "down": revision}`. Each runs in a process of its own: what
ends, hangs or shouts takes only itself along, and several run side by side. Every connection goes to the job's
`url`, whatever address the app's settings hold; a revision that opens one of its own, or any other socket, fails.
"""

import importlib.abc
import importlib.util
import json
import os
import signal
import sys
import threading
import time
import traceback
import warnings

URL = {"libpq": "", "parts": {}}  # where this process may connect to
REVISIONS = {}  # file -> revision
OPENED = set()  # files, while the audit hook listens
TAIL = 8000
DRIVERS = {"psycopg": "dbname", "psycopg2": "dbname", "asyncpg": "database", "pg8000": "database"}


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the app prints
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as with `python -m alembic`
    sys.addaudithook(lambda name, a: OPENED.add(a[0]) if name == "open" and isinstance(a[0], str) else None)
    only_one_address()
    for line in sys.stdin:
        order = json.loads(line)
        answer = {"look": look, "run": run, "map": mapped}[order.pop("do")](**order)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


# -- where it may connect to ------------------------------------------------------------------------------------


def only_one_address():
    """Every new connection, of whatever engine and driver, goes to the scratch database."""
    sys.meta_path.insert(0, Drivers())
    sys.addaudithook(refuse_others)
    try:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine, make_url
    except ImportError:
        return

    @event.listens_for(Engine, "do_connect")
    def replace(dialect, record, arguments, options):
        refuse_revisions()
        ours = make_url(URL["libpq"]).set(drivername=f"postgresql+{dialect.driver}")
        arguments[:], given = dialect.create_connect_args(ours)
        options.clear()
        options.update(given)


class Drivers(importlib.abc.MetaPathFinder):
    """Patches a driver's `connect` as it is imported, for code that calls it without SQLAlchemy."""

    def find_spec(self, name, path, target=None):
        if name not in DRIVERS:
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec and spec.loader:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (load(module), patch(module))[0]
        return spec


def patch(module):
    name = module.__name__
    original = module.connect
    owners = [getattr(module, c) for c in ("Connection", "AsyncConnection") if name == "psycopg" and hasattr(module, c)]

    def ours(options):
        refuse_revisions()
        kept = {
            k: v
            for k, v in options.items()
            if k not in ("dsn", "conninfo", "hostaddr", "service", "database", "dbname")
        }
        parts = dict(URL["parts"])
        parts[DRIVERS[name]] = parts.pop("dbname", None)
        return {**kept, **{k: v for k, v in parts.items() if v is not None}}

    def connect(*_, **options):
        return original(**ours(options))

    module.connect = connect
    for owner in owners:
        unpatched = owner.connect.__func__
        owner.connect = classmethod(lambda cls, *_, _was=unpatched, **options: _was(cls, **ours(options)))
        if owner.__name__ == "Connection":
            module.connect = owner.connect


def refuse_revisions():
    """The connection that Alembic gives is the migration's; one of a revision's own would be beside the transaction."""
    frame = sys._getframe(1)
    while frame:
        if frame.f_code.co_filename in REVISIONS and frame.f_code.co_name != "<module>":
            raise RuntimeError("the revision opens a connection of its own; use op.get_bind()")
        frame = frame.f_back


def refuse_others(name, arguments):
    if name != "socket.connect" or not URL["parts"]:
        return
    address, host = arguments[1], URL["parts"].get("host") or "localhost"
    if isinstance(address, (str, bytes)):
        allowed = host.startswith("/") and os.fsdecode(address).startswith(host)
    else:
        allowed = str(address[1]) == str(URL["parts"].get("port") or 5432)
    if not allowed:
        raise PermissionError(f"the migrations may only connect to the scratch database, not to {address}")


def go_to(url):
    """From now on this process knows no other database."""
    from urllib.parse import parse_qs, unquote, urlsplit

    split = urlsplit(url)
    query = parse_qs(split.query)
    parts = {
        "host": split.hostname or (query.get("host") or [None])[0],
        "port": split.port or (query.get("port") or [None])[0],
        "user": unquote(split.username) if split.username else None,
        "password": unquote(split.password) if split.password else None,
        "dbname": split.path.lstrip("/"),
    }
    parts["port"] = int(parts["port"]) if parts["port"] else None
    URL.update(libpq=url, parts=parts)
    for key, value in {**os.environ}.items():
        scheme, found, _ = value.partition("://")
        if found and scheme.partition("+")[0] in ("postgresql", "postgres"):
            os.environ[key] = scheme + url[url.index("://") :]
    os.environ["DATABASE_URL"] = with_driver(os.environ.get("DATABASE_URL", "").partition("://")[0], url)
    names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password", "PGDATABASE": "dbname"}
    for variable, part in names.items():
        os.environ.pop(variable, None)
        if parts[part] is not None:
            os.environ[variable] = str(parts[part])


def with_driver(scheme, url):
    """The URL with the driver that the app names, else one that is there."""
    if "+" in scheme:
        return scheme + url[url.index("://") :]
    for driver in ("psycopg2", "psycopg", "pg8000", "asyncpg"):
        if importlib.util.find_spec(driver):
            return ("postgresql" if driver == "psycopg2" else f"postgresql+{driver}") + url[url.index("://") :]
    return url


# -- what there is ----------------------------------------------------------------------------------------------


def configuration(path):
    import inspect

    from alembic.config import Config

    options = {"stdout": open(os.devnull, "w")}  # noqa: PTH123, SIM115
    toml = path if path.endswith(".toml") else os.path.join(os.path.dirname(os.path.abspath(path)), "pyproject.toml")  # noqa: PTH100, PTH118, PTH120
    if os.path.exists(toml) and "toml_file" in inspect.signature(Config.__init__).parameters:  # noqa: PTH110 - Alembic 1.16
        options["toml_file"] = toml
    config = Config(None if path.endswith(".toml") else path, **options)
    given = config.get_main_option("sqlalchemy.url") or os.environ.get("DATABASE_URL", "")
    url = with_driver(given.partition("://")[0], URL["libpq"])
    for section in config.file_config.sections():  # other names of the same thing, as with several databases
        if config.file_config.has_option(section, "sqlalchemy.url"):
            config.set_section_option(section, "sqlalchemy.url", url.replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    config.attributes["configure_logger"] = False
    return config


def look(config, target):
    """The revisions up to the target, parents first."""
    result = {"revisions": [], "heads": [], "problem": None, "opened": []}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            from alembic.script import ScriptDirectory

            URL["libpq"] = URL["libpq"] or "postgresql://nobody@localhost:1/nothing"
            script = ScriptDirectory.from_config(configuration(config))
            heads = list(script.get_heads())
            twice = [str(w.message) for w in said if "more than once" in str(w.message)]
            if twice:
                return {**result, "problem": {"kind": "duplicate", "what": twice[0], "where": config, "revision": ""}}
            result["heads"] = heads if target in ("head", "heads") else [target]
            walked = [] if target == "head" and len(heads) > 1 else list(script.walk_revisions("base", target))
            for revision in reversed(walked):
                result["revisions"].append(described(revision))
        except BaseException as error:  # noqa: BLE001 - a revision may raise anything, sys.exit too; all of it is a finding
            told = [str(w.message) for w in said if "not present" in str(w.message)]
            result["problem"] = problem(error, "look")
            if told:
                result["problem"].update(kind="graph", what="; ".join(sorted(set(told))), where=config)
    result["opened"] = sorted(OPENED)
    return result


def described(revision):
    REVISIONS[revision.path] = revision.revision
    parents = revision._all_down_revisions if hasattr(revision, "_all_down_revisions") else revision.down_revision
    parents = [parents] if isinstance(parents, str) else list(parents or ())
    accepts = getattr(revision.module, "slipway_accept", None)
    return {
        "id": revision.revision,
        "parents": parents,
        "path": revision.path,
        "accepts": {str(k): str(v) for k, v in accepts.items()} if isinstance(accepts, dict) else {},
    }


# -- what happens -----------------------------------------------------------------------------------------------


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
    except BaseException as error:  # noqa: BLE001 - see above
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
    except Exception as error:  # noqa: BLE001 - the comparison is a courtesy
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
    except BaseException as error:  # noqa: BLE001 - see above
        return [{**problem(error, "upgrade"), "revision": at["revision"]}]
    return []


def mapped(place):
    """What the metadata at `path/to/file.py:ATTRIBUTE` says of each table; read in a child, as modules of the same names may be loaded."""
    source, target = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            with os.fdopen(target, "w") as said:
                said.write(json.dumps(tables_of(place)))
        finally:
            os._exit(0)
    os.close(target)
    with os.fdopen(source) as said:
        text = said.read()
    os.waitpid(pid, 0)
    ended = {"kind": "import", "what": "the process ended", "where": place}
    return json.loads(text) if text else {"tables": {}, "problem": ended}


def tables_of(place):
    try:
        path, _, attribute = place.rpartition(":")
        found = attribute_of(os.path.abspath(path) if path.endswith(".py") else path, attribute)  # noqa: PTH100
        metadata = getattr(found, "metadata", found)  # a declarative base is as good as its metadata
        return {"tables": {table.fullname: facts(table) for table in metadata.tables.values()}, "problem": None}
    except BaseException as error:  # noqa: BLE001 - see above
        return {"tables": {}, "problem": problem(error, "look")}


def attribute_of(path, attribute):
    for name, module in list(sys.modules.items()):  # the app under test is not the one that is asked about
        file = getattr(module, "__file__", None) or ""
        if (
            name != "__main__"
            and file
            and "site-packages" not in file
            and not file.startswith((sys.base_prefix, sys.prefix))
        ):
            del sys.modules[name]
    if not path.endswith(".py"):
        found = importlib.import_module(path)
        for part in attribute.split("."):
            found = getattr(found, part)
        return found
    package, root = [os.path.splitext(os.path.basename(path))[0]], os.path.dirname(path)  # noqa: PTH119, PTH120, PTH122
    while os.path.exists(os.path.join(root, "__init__.py")):  # noqa: PTH110, PTH118
        package.insert(0, os.path.basename(root))  # noqa: PTH119
        root = os.path.dirname(root)  # noqa: PTH120
    sys.path.insert(0, root)
    if len(package) > 1:
        found = importlib.import_module(".".join(package[:-1] if package[-1] == "__init__" else package))
    else:
        spec = importlib.util.spec_from_file_location(package[0], path)
        found = sys.modules[package[0]] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def facts(table):
    columns = {}
    for column in table.columns:
        kind = column.type
        item = getattr(kind, "enums", None)
        columns[column.name] = {
            "required": not column.nullable,
            "given": column.default is not None,
            "server": column.server_default is not None
            or (column is table.autoincrement_column and column.default is None),
            "labels": [str(label) for label in item] if item else [],
            "generated": column.computed is not None or column.identity is not None,
        }
    unique = [
        [c.name for c in k.columns]
        for k in table.constraints
        if type(k).__name__ in ("UniqueConstraint", "PrimaryKeyConstraint")
    ]
    unique += [[c.name for c in i.columns] for i in table.indexes if i.unique]
    names = [str(k.name) for k in table.constraints if isinstance(k.name, str)]
    return {"columns": columns, "unique": unique, "names": names}


def problem(error, kind):
    """What was raised, by whom: the innermost revision file, else the app's own code."""
    frames = list(traceback.extract_tb(error.__traceback__))
    inside = [f for f in frames if f.filename in REVISIONS]
    own = (
        inside
        or [
            f
            for f in frames
            if "site-packages" not in f.filename and f.filename != __file__ and not f.filename.startswith("<")
        ]
        or frames
    )
    message = str(getattr(error, "orig", None) or error).strip() or repr(error)
    if isinstance(error, SyntaxError):
        own = [traceback.FrameSummary(error.filename or "?", error.lineno or 0, "")]
    if kind == "look":
        kind = kind_of(error, inside)
    return {
        "kind": kind if inside or kind != "upgrade" else "start",
        "module": type(error).__module__,
        "what": f"{type(error).__name__}: {message}"[:4000].encode(errors="replace").decode(),
        "where": f"{own[-1].filename}, line {own[-1].lineno}",
        "revision": REVISIONS.get(inside[-1].filename) if inside else None,
    }


def kind_of(error, inside):
    """What is wrong with revisions that cannot even be listed."""
    name = type(error).__name__
    if name == "CommandError":
        return "config" if "script_location" in str(error) or "doesn't exist" in str(error) else "import"
    if "Cycle" in name or "Loop" in name:
        return "cycle"
    return (
        "graph"
        if type(error).__module__.startswith("alembic") or (isinstance(error, KeyError) and not inside)
        else "import"
    )


if __name__ == "__main__":
    main()
