"""What the code that runs at customers maps: its own image is asked, by digest, so nothing has to be guessed."""

from collections.abc import Mapping, Sequence

from tasks.config.migrations import Migrations
from tasks.config.model import Config
from tasks.containers import conversing, have, private_network
from tasks.errors import SlipwayError
from tasks.migrations.code import Code
from tasks.migrations.judge import Standing
from tasks.migrations.prober import PLACE, Conversation, packed
from tasks.models import Fleet

# Models often import settings that want an address; nothing is opened there.
NOWHERE = "postgresql://nobody@localhost/nowhere"


def read(config: Config, settings: Migrations, fleet: Fleet, standings: Sequence[Standing]) -> list[Standing]:
    """The customers with their code; each image that runs somewhere is asked once. One that cannot answer may use everything."""
    repository = config.components[settings.component].image
    digests = {
        c.name: c.components[settings.component].digest for c in fleet.customers if settings.component in c.components
    }
    env = {"DATABASE_URL": NOWHERE, **config.env_of_migrations}
    known = {d: _asked(f"{repository}@{d}", settings.metadata, env) for d in sorted(set(digests.values()))}
    return [s.model_copy(update={"code": known.get(digests.get(s.customer, ""))}) for s in standings]


def _asked(image: str, place: str, env: Mapping[str, str]) -> Code | None:
    try:
        have(image)
        with (
            private_network("metadata") as network,
            conversing(image, ["python", PLACE], network, name="metadata", env=env, put={PLACE: packed()}) as channel,
        ):
            answer = Conversation(channel, image).ask(do="map", place=place)
    except SlipwayError:
        return None
    return None if answer["problem"] else Code.of(answer["tables"])
