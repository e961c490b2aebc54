"""What a suite's verdict depends on. Two runs with the same parts need only one of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.config.model import Config
from tasks.config.suites import Suite
from tasks.models import Changes, Claim, ComponentChange, Image, key_of

RECIPE = 1  # of how suites are run and judged; count it up when a result of before would no longer hold


def of_suite(config: Config, change: ComponentChange, suite: str, digests: Mapping[str, str]) -> Claim:
    """One suite of one component: its content, the suite's settings (target and command among them), its services' images."""
    component = config.components[change.name]
    settings = component.suites[suite]
    parts = {
        "recipe": RECIPE,
        "component": change.name,
        "content": change.key,
        "suite": suite,
        "settings": _settings(settings),
        "services": {image: digests.get(image, "") for image in _services(config, settings)},
    }
    return Claim(component=change.name, suite=suite, repository=component.image, beside=change.tag, parts=parts)


def of_end_to_end(config: Config, changes: Changes, images: Sequence[Image], suite: str) -> Claim:
    """An end-to-end suite: the images by digest, the tests' own content, the settings of both. It is kept beside the first image."""
    parts = {
        "recipe": RECIPE,
        "images": {i.component: i.digest for i in images},
        "tests": changes.end_to_end_key,
        "suite": suite,
        "settings": _settings(config.e2e),
        "runs": {i.component: _settings(config.components[i.component].run) for i in images},
        "services": {image: changes.digests.get(image, "") for image in (config.postgres, *_beside(config))},
    }
    first = images[0]
    return Claim(component="e2e", suite=suite, repository=first.repository, beside=first.tag, parts=parts)


def _services(config: Config, suite: Suite) -> list[str]:
    return sorted({getattr(service, "image", config.postgres) for service in suite.services})


def _beside(config: Config) -> list[str]:
    return [service.image for service in config.e2e.services] if config.e2e else []


def _settings(section: Any) -> dict[str, Any]:
    """As configured; of the environment only a digest, that of services too: whoever may read the registry can read this."""
    settings = section.model_dump(mode="json", by_alias=True)
    beside = [s if isinstance(s, str) else {**s, "env": key_of(s["env"])} for s in settings.get("services", ())]
    return {**settings, "services": beside, "env": key_of(settings.get("env", {}))}
