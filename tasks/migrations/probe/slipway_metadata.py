"""What the SQLAlchemy metadata of an app says of each table."""

import importlib
import importlib.util
import json
import os
import sys

from slipway_connection import with_driver
from slipway_revisions import problem

# For code that makes its engine when it is imported; nobody answers there, and nothing is asked.
NOWHERE = "postgresql://nobody@127.0.0.1:9/nowhere"


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
        os.environ.setdefault("DATABASE_URL", with_driver("", NOWHERE))
        path, _, attribute = place.rpartition(":")
        found = attribute_of(os.path.abspath(path) if path.endswith(".py") else path, attribute)
        metadata = getattr(found, "metadata", found)  # a declarative base is as good as its metadata
        return {"tables": {table.fullname: facts(table) for table in metadata.tables.values()}, "problem": None}
    except BaseException as error:  # see above
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
    package, root = [os.path.splitext(os.path.basename(path))[0]], os.path.dirname(path)
    while os.path.exists(os.path.join(root, "__init__.py")):
        package.insert(0, os.path.basename(root))
        root = os.path.dirname(root)
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
