"""Where a migration may connect to: the scratch database, and nowhere else, whatever the app's settings say."""

import importlib.abc
import importlib.util
import os
import sys

URL = {"libpq": "", "parts": {}}  # where this process may connect to
REVISIONS = {}  # file -> revision
DRIVERS = {"psycopg": "dbname", "psycopg2": "dbname", "asyncpg": "database", "pg8000": "database"}


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
