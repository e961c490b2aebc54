"""The pages of approval links alone, for `uvicorn --factory`."""

from fastapi import FastAPI

from deployments.approve_page import router
from tasks.config_file import load_config


def make_app() -> FastAPI:
    """The app that release.yaml names."""
    app = FastAPI(openapi_url=None)
    app.get("/health")(lambda: {"status": "ok"})
    app.include_router(router([load_config()]))
    return app
