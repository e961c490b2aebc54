"""A compatibility run is taken over only where all that it was made of is the same."""

from collections.abc import Callable

from tasks.config.model import Config
from tasks.migrations.compatibility import _passed
from tasks.models import Running
from tasks.source.checkout import check_out


def test_another_image_that_migrates_or_another_postgresql_is_another_run(repository: Callable) -> None:
    from tasks.models import ReleaseRequest

    app = repository("app")
    commit = app.commit({"api/Dockerfile": "FROM scratch\n"})
    settings = {
        "app": {"name": "shop", "repository": app.url},
        "components": {"api": {"path": "api", "image": "registry.example.no/shop/api", "run": {"port": 80}}},
        "migrations": {"component": "api", "tool": "alembic", "smoke": "true"},
        "gitops": {"repository": app.url, "targets": {"api": [{"file": "{customer}.yaml", "path": "image"}]}},
        "rings": [{"name": "all", "customers": "*"}],
        "rollout": {"versions": {"api": "/version"}},
    }
    config = Config.model_validate(settings)
    check_out(config, ReleaseRequest(commit=commit))
    running = Running(digest="sha256:" + "1" * 64, head="0001", customers=("fjord",))

    def note(image: str, config: Config = config) -> object:
        assert config.migrations
        return _passed(config, config.migrations, commit, image, running)

    newer = Config.model_validate(settings | {"postgres": "postgres:18"})
    assert note("slipway/shop-api-test:a") == note("slipway/shop-api-test:a")
    assert (
        len({note("slipway/shop-api-test:a"), note("slipway/shop-api-test:b"), note("slipway/shop-api-test:a", newer)})
        == 3
    )
