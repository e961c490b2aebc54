"""Where a component listens, and the paths that tell its health and its version."""

import re
from collections.abc import Mapping

from tasks.source.dockerfile import Dockerfile
from tasks.source.packages import Packages
from tasks.source.recognised import Seen
from tasks.source.snapshot import Snapshot

# Defaults by the frameworks' own documentation (`next start`, `uvicorn`, `flask run`, `runserver`, `streamlit run` ...).
FRAMEWORKS = {
    "next": 3000,
    "nuxt": 3000,
    "@nestjs/core": 3000,
    "@sveltejs/adapter-node": 3000,
    "fastapi": 8000,
    "uvicorn": 8000,
    "django": 8000,
    "gunicorn": 8000,
    "flask": 5000,
    "streamlit": 8501,
    "express": 3000,
    "fastify": 3000,
    "rails": 3000,
    "spring-boot-starter-web": 8080,
}
OTHERWISE = 8080
LISTENING = re.compile(r"--port[\", =]+(\d{2,5})|(?:--bind|-b)[\", =]+[\w.]*:(\d{2,5})|\bPORT[= ]+(\d{2,5})")
PROBED = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::[\w${}]+)?(/[\w./-]*)?")
VERSION = re.compile(r"[\"'`](?:[A-Z]+ )?(/[\w/-]{0,60}version)/?[\"'`]")
NEXT_ROUTE = re.compile(r"(?:^|/)(?:src/)?(?:app|pages)((?:/[\w-]+)*/version)(?:/route|/index)?\.(?:ts|js)$")
SOURCES = r".*\.(py|ts|js|mjs|tsx|go|java|kt|rb|rs|cs|php)"
VARIABLE = re.compile(r"(?:environ|getenv|env)\W{1,4}([A-Z][A-Z0-9_]{1,40})_(?:URL|BASE_URL|ORIGIN|ADDRESS|BASE)\b")
MAX_SOURCES = 300


def port(dockerfile: Dockerfile, where: str, packages: Packages) -> Seen:
    """The port of EXPOSE, of the command, of the framework, or a guess."""
    for value in dockerfile.values("EXPOSE"):
        if (found := re.match(r"(\d{1,5})", dockerfile.resolve(value))) and 0 < int(found[1]) < 65536:
            return Seen(value=found[1], why=f"EXPOSE in {where}")
    for keyword in ("CMD", "ENTRYPOINT", "ENV"):
        for value in dockerfile.values(keyword):
            found = LISTENING.search(dockerfile.resolve(value))
            number = next(filter(None, found.groups()), "") if found else ""
            if number and 0 < int(number) < 65536:
                return Seen(value=number, why=f"{keyword} in {where}")
    if framework := next((f for f in FRAMEWORKS if f in packages.dependencies), None):
        return Seen(value=str(FRAMEWORKS[framework]), why=f"usual for {framework} ({packages.why})", sure=False)
    if dockerfile.deployed and re.search(r"(^|/)(nginx|httpd|caddy)\b", dockerfile.deployed.base):
        return Seen(value="80", why=f"usual for {dockerfile.deployed.base} ({where})", sure=False)
    return Seen(value=str(OTHERWISE), why="nothing says which port it listens on", sure=False)


def health(dockerfile: Dockerfile, where: str) -> Seen | None:
    """The path that the image's HEALTHCHECK asks for; None without one."""
    for value in dockerfile.values("HEALTHCHECK"):
        if found := PROBED.search(dockerfile.resolve(value)):
            return Seen(value=found[1] or "/", why=f"HEALTHCHECK in {where}")
    return None


def version(snapshot: Snapshot, folder: str) -> Seen:
    """A path of the component that ends in `version`, the likeliest to answer the commit."""
    files = _sources(snapshot, folder)
    for file in files:
        if route := NEXT_ROUTE.search(file):
            return Seen(value=route[1], why=f"the route {file}", sure=False)
    for file in files:
        if found := VERSION.search(snapshot.text(file)):
            return Seen(value=found[1], why=f"stands in {file}", sure=False)
    return Seen(value="/version", why="no path that ends in /version was found", sure=False)


def neighbours(snapshot: Snapshot, folder: str, ports: Mapping[str, str]) -> dict[str, Seen]:
    """Variables such as BACKEND_URL that the code reads and that mean another component: its address beside this one."""
    found: dict[str, Seen] = {}
    for file in _sources(snapshot, folder):
        for variable in VARIABLE.finditer(snapshot.text(file)):
            component = variable[1].removesuffix("_BASE").lower().replace("_", "-")
            name = re.sub(r".*\W", "", variable[0])
            if component in ports and name not in found:
                found[name] = Seen(value=f"http://{component}:{ports[component]}", why=f"read in {file}", sure=False)
    return dict(sorted(found.items()))


def _sources(snapshot: Snapshot, folder: str) -> list[str]:
    """The component's own source files, those near the top first, loaded as far as the bounds allow."""
    named = snapshot.named(SOURCES, folder)
    files = [f for f in named if not re.search(r"(^|/)(tests?|node_modules|vendor)/", f)][:MAX_SOURCES]
    snapshot.load(files)
    return files
