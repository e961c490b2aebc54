"""Runs inside a container of the app, with the app's own Alembic, env.py, models and driver; standard library otherwise.

`python probe.py ALEMBIC_INI RESULT [REVISION]` upgrades DATABASE_URL from nothing to the head, or to REVISION, and writes to
RESULT, as JSON: `{"revisions": [{"id", "parents", "path", "accepts"}], "heads": [...], "problem": null | {"what", "where", "kind"}}`.
Every connection that SQLAlchemy makes goes to DATABASE_URL, whatever address the app's settings hold. It is never imported by Slipway.
"""

import json
import os
import sys
import traceback
import warnings


def main(config_path, result_path, target="head"):
    result = {"revisions": [], "heads": [], "problem": None}
    try:
        connect_nowhere_else(os.environ["DATABASE_URL"])
        look(config_path, result, target)
        if result["revisions"]:
            from alembic import command

            # What stays when the process is killed, or ends itself, in the middle of a revision.
            cut_off = {
                "kind": "upgrade",
                "what": "the run ended in the middle of it",
                "where": config_path,
                "revision": None,
            }
            write(result_path, {**result, "problem": cut_off})
            command.upgrade(configuration(config_path), target)
    except BaseException as error:  # noqa: BLE001 - a revision may raise anything, sys.exit too; all of it is a finding
        result["problem"] = result["problem"] or problem(error, result)
    write(result_path, result)


def write(path, result):
    with open(path, "w") as file:  # noqa: PTH123 - runs on any Python
        json.dump(result, file)


def configuration(path):
    from alembic.config import Config

    config = Config(path)
    config.set_main_option("sqlalchemy.url", os.environ["DATABASE_URL"].replace("%", "%%"))
    return config


def connect_nowhere_else(url):
    """Replaces the arguments of each new connection, of whatever engine and driver, by ours."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine, make_url

    ours = make_url(url)

    @event.listens_for(Engine, "do_connect")
    def replace(dialect, record, arguments, options):
        same_driver = ours.set(drivername=f"postgresql+{dialect.driver}")
        arguments[:], given = dialect.create_connect_args(same_driver)
        options.clear()
        options.update(given)


def look(config_path, result, target):
    from alembic.script import ScriptDirectory

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            script = ScriptDirectory.from_config(configuration(config_path))
            heads = list(script.get_heads())
            result["heads"] = [target] if target != "head" else heads
            walked = list(script.walk_revisions("base", target)) if len(result["heads"]) == 1 else []
        except KeyError as error:
            told = [str(w.message) for w in said if "not present" in str(w.message)]
            result["problem"] = {
                "kind": "graph",
                "what": told[0] if told else f"no revision {error}",
                "where": config_path,
            }
            raise
    for revision in reversed(walked):
        parents = revision.down_revision or ()
        accepts = getattr(revision.module, "slipway_accept", {})
        result["revisions"].append(
            {
                "id": revision.revision,
                "parents": [parents] if isinstance(parents, str) else list(parents),
                "path": revision.path,
                "accepts": {str(k): str(v) for k, v in dict(accepts).items()},
            }
        )


def problem(error, result):
    paths = {r["path"]: r["id"] for r in result["revisions"]}
    frames = list(traceback.extract_tb(error.__traceback__))
    inside = [f for f in frames if f.filename in paths]
    own = inside or [f for f in frames if "site-packages" not in f.filename] or frames
    message = str(getattr(error, "orig", None) or error).strip() or repr(error)
    return {
        "kind": "upgrade" if inside else "import",
        "what": f"{type(error).__name__}: {message}",
        "where": f"{own[-1].filename}, line {own[-1].lineno}",
        "revision": paths.get(inside[-1].filename) if inside else None,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
