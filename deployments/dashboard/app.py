"""The dashboard as an ASGI app: alone, or mounted beside the webhook receiver. It only answers GET and HEAD."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.routing import Route

from deployments.dashboard import files
from deployments.dashboard.guard import Guard
from deployments.dashboard.pages import Pages
from tasks.config.model import Config


def make_app(configs: Sequence[Config], hosts: Sequence[str] = ()) -> Starlette:
    """The pages of these apps, at `/NAME`; with one app `/` leads there.

    `hosts` are the names that a browser may call it by; none: any. There is no login: whoever reaches it may read it. Mount it
    anywhere: `app.mount("/dashboard", make_app([config]))`.
    """
    pages = Pages(configs)
    # No app's name begins with a hyphen.
    routes = [
        Route("/", pages.start, name="start"),
        Route("/-/health", pages.health),
        Route("/-/static/{name}", pages.static),
        Route("/-/runs/{run}", pages.run_files),
        Route("/-/runs/{run}/{path:path}", files.answer),
        Route("/{app}", pages.matrix),
        Route("/{app}/releases", pages.releases),
        Route("/{app}/releases.json", pages.releases),
        Route("/{app}/releases/{commit}", pages.release),
        Route("/{app}/customers/{name}", pages.customer),
        Route("/{app}/dora", pages.dora),
        Route("/{app}/dora.json", pages.dora),
    ]
    compressed = Middleware(
        GZipMiddleware, minimum_size=1000, exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, *files.PACKED)
    )
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts=tuple(hosts)), compressed],
        exception_handlers={404: pages.not_found, 413: pages.too_large, 503: pages.not_yet, 500: pages.failed},
    )
