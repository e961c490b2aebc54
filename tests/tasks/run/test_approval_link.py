"""Links that approve: what is signed, for whom, how long; and what is not believed."""

import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from itsdangerous import TimestampSigner
from itsdangerous.url_safe import URLSafeTimedSerializer

from tasks.config.model import Config
from tasks.errors import ConfigInvalid, ReleaseRefused
from tasks.models import RingPlan
from tasks.run import feedback
from tasks.run.approval_link import Claim, NotOurs, link, read
from tests.reliability.world import config_for

RUN = "0d7b5a3e-6c43-4a8e-9b07-5bb0f1a0c111"
SECRET = "0123456789abcdef" * 2


def config(folder: Path, secret: str = SECRET, name: str = "shop", **more: Any) -> Config:
    place = folder / f"secret-{len(list(folder.iterdir()))}"
    place.write_text(f"{secret}\n")
    settings = config_for("app", "gitops").model_dump(mode="json", by_alias=True, exclude_unset=True)
    approval = {"approval": {"link": {"secret_file": str(place)}, "timeout": "1h"}}
    addresses = {"addresses": {"receiver": "https://slipway.example.no/"}}
    return Config.model_validate(settings | {"app": settings["app"] | {"name": name}} | approval | addresses | more)


def token(address: str | None) -> str:
    assert address
    before, _, found = address.partition("/approve/")
    assert before == "https://slipway.example.no"
    return found


def test_a_link_says_who_may_answer_what(tmp_path: Path) -> None:
    settings = config(tmp_path)
    made = token(link(settings, RUN, "all", "0123456789ab", "Kåre /?& Ås"))
    assert read(settings, made) == Claim(app="shop", run=RUN, ring="all", plan="0123456789ab", by="Kåre /?& Ås")
    assert SECRET not in made


def test_there_is_no_link_without_a_secret_or_an_address(tmp_path: Path) -> None:
    assert link(config(tmp_path, approval={}), RUN, "all", "0" * 12, "kari") is None
    assert link(config(tmp_path, addresses={}), RUN, "all", "0" * 12, "kari") is None


def test_a_short_secret_signs_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="too short"):
        link(config(tmp_path, secret="short"), RUN, "all", "0" * 12, "kari")


def test_who_is_to_answer_is_asked_without_a_link_where_none_can_be_signed(tmp_path: Path, caplog: Any) -> None:
    ring = RingPlan(name="all", approve=True, soak_seconds=0, promotions=())
    assert list(feedback._links(config(tmp_path), UUID(RUN), ring)) == ["answer"]
    assert feedback._links(config(tmp_path, "short"), UUID(RUN), ring) == {}
    assert "too short" in caplog.text and "openssl rand" in caplog.text


def test_a_changed_link_is_not_believed_whatever_is_changed(tmp_path: Path) -> None:
    settings = config(tmp_path)
    made = token(link(settings, RUN, "all", "0" * 12, "kari"))
    other = token(link(settings, RUN, "all", "0" * 12, "ola"))
    changed = [made[:n] + ("A" if made[n] != "A" else "B") + made[n + 1 :] for n in range(0, len(made) - 1, 7)]
    mixed = f"{other.rpartition('.')[0]}.{made.rpartition('.')[2]}"
    for wrong in [*changed, mixed, made[:-3], "", ".", "..", "é", made.rpartition(".")[0]]:
        with pytest.raises(NotOurs):
            read(settings, wrong)


def test_other_secrets_apps_and_purposes_are_not_believed(tmp_path: Path) -> None:
    settings = config(tmp_path)
    claim = {"app": "shop", "run": RUN, "ring": "all", "plan": "0" * 12, "by": "kari"}
    with pytest.raises(NotOurs):
        read(settings, token(link(config(tmp_path, secret="f" * 32), RUN, "all", "0" * 12, "kari")))
    with pytest.raises(NotOurs):
        read(settings, token(link(config(tmp_path, name="other"), RUN, "all", "0" * 12, "kari")))
    with pytest.raises(NotOurs):  # the same secret, used by something else, and by SHA-1
        read(settings, str(URLSafeTimedSerializer(SECRET, salt="session").dumps(claim)))
    with pytest.raises(NotOurs):
        read(settings, str(URLSafeTimedSerializer(SECRET, salt="slipway approval link").dumps(claim)))


def test_a_link_ends_with_the_time_limit_of_the_approval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config(tmp_path)
    for age, ends in ((3590, False), (3610, True)):
        with monkeypatch.context() as patch:
            patch.setattr(TimestampSigner, "get_timestamp", lambda _, age=age: int(time.time()) - age)
            made = token(link(settings, RUN, "all", "0" * 12, "kari"))
        if ends:
            with pytest.raises(ReleaseRefused, match="too old"):
                read(settings, made)
        else:
            assert read(settings, made).by == "kari"
