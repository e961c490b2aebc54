"""The pages of approval links alone, for `uvicorn --factory`."""

from fastapi import FastAPI

from deployments.approve.page import router
from tasks.config.file import load_config


def make_app() -> FastAPI:
    """The app that release.yaml names."""
    app = FastAPI(openapi_url=None)
    app.get("/health")(lambda: {"status": "ok"})
    app.include_router(router([load_config()]))
    return app
