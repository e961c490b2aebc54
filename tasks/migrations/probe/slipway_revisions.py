"""Which revisions there are, and what stands against listing or running them."""

import inspect
import os
import traceback
import warnings

from slipway_connection import REVISIONS, URL, with_driver

OPENED = set()  # files, while the audit hook listens


def configuration(path):
    from alembic.config import Config

    options = {"stdout": open(os.devnull, "w")}
    toml = path if path.endswith(".toml") else os.path.join(os.path.dirname(os.path.abspath(path)), "pyproject.toml")
    if os.path.exists(toml) and "toml_file" in inspect.signature(Config.__init__).parameters:  # Alembic 1.16
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
        except BaseException as error:  # a revision may raise anything, sys.exit too; all of it is a finding
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


def problem(error, kind):
    """What was raised, by whom: the innermost revision file, else the app's own code."""
    frames = list(traceback.extract_tb(error.__traceback__))
    inside = [f for f in frames if f.filename in REVISIONS]
    own = (
        inside
        or [
            f
            for f in frames
            if "site-packages" not in f.filename
            and not f.filename.startswith(os.path.dirname(__file__))
            and not f.filename.startswith("<")
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
