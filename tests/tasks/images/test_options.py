"""What each builder is asked for: the argument lists, also of builders that this machine does not have."""

from pathlib import Path

import pytest

from tasks.config.build import Build
from tasks.errors import ConfigInvalid, ReleaseRefused
from tasks.images.builder import Builder, _driver, _numbers
from tasks.images.docker_build import Wanted, _argv
from tasks.images.options import LARGEST_SECRET, attestations, cache_options, environment, options

CLIENT = Builder("docker", "client", (20, 10))
CLASSIC = Builder("docker", "classic", (28, 2))
PLUGIN = Builder("docker", "buildx", (0, 13), "docker")
CONTAINER = Builder("docker", "buildx", (0, 13), "docker-container", exports=True)
OLD = Builder("docker", "buildx", (0, 9), "docker-container", exports=True)
IMAGE = "registry.example.no/shop/api"


def build(**settings: object) -> Build:
    return Build.model_validate(settings)


def argv(settings: Build, builder: Builder, *attested: str) -> list[str]:
    wanted = Wanted("api", "1" * 40, settings, f"{IMAGE}:t", "production", cache=IMAGE, export=True)
    return _argv(wanted, builder, attested, Path("/scratch"))


def test_each_builder_is_called_its_own_way() -> None:
    common = ["--file=Dockerfile", f"--tag={IMAGE}:t"]
    assert argv(build(), CLIENT) == ["docker", "build", *common, "--progress=plain", "--target=production"]
    assert argv(build(), CLASSIC) == ["docker", "build", *common, "--force-rm", "--target=production"]
    buildx = ["docker", "buildx", "build", *common, "--progress=plain", "--target=production"]
    assert argv(build(), CONTAINER) == [*buildx, "--provenance=false", "--load"]
    assert argv(build(), OLD) == [*buildx, "--load"]
    pushed = ["--sbom=true", "--push", "--metadata-file=/scratch/metadata.json"]
    assert argv(build(), CONTAINER, "--sbom=true") == [*buildx, *pushed]


def test_arguments_platform_and_ssh_are_passed_on(tmp_path: Path) -> None:
    key = tmp_path / "key"
    settings = build(args={"A": "1 2", "B": "--push"}, platform="linux/arm64", ssh={"key_file": str(key)})
    with pytest.raises(ConfigInvalid, match="there is no ssh agent or key"):
        options("api", settings, CLIENT)
    key.write_text("a key")
    told = ["--build-arg=A=1 2", "--build-arg=B=--push", f"--ssh=default={key}", "--platform=linux/arm64"]
    assert options("api", settings, CLIENT) == told


def test_a_secret_is_named_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a,b"
    file.write_text("hunter2-hunter2\n")
    monkeypatch.setenv("NPM_TOKEN", "correct-horse")
    settings = build(secrets={"file": {"secret_file": str(file)}, "env": {"secret_env": "NPM_TOKEN"}})
    assert options("api", settings, CLIENT) == [f'--secret=id=file,"src={file}"', "--secret=id=env,env=NPM_TOKEN"]
    assert environment(settings) == {"NPM_TOKEN": "correct-horse"}


@pytest.mark.parametrize("content", ["", "x" * (LARGEST_SECRET + 1), None], ids=["empty", "large", "missing"])
def test_a_secret_that_cannot_be_given_is_told_before_the_build(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "npmrc").write_text(content)
    settings = build(secrets={"npmrc": {"secret_file": str(tmp_path / "npmrc")}})
    with pytest.raises(ConfigInvalid, match="the build secret npmrc is") as caught:
        options("api", settings, CLIENT)
    assert str(tmp_path / "npmrc") in str(caught.value)


INLINE = "--build-arg=BUILDKIT_INLINE_CACHE=1"
REMOTE = f"--cache-from=type=registry,ref={IMAGE}:cache"


@pytest.mark.parametrize(
    ("mode", "builder", "told"),
    [
        ("none", CONTAINER, []),
        ("inline", CLIENT, [f"--cache-from={IMAGE}:cache", INLINE]),
        ("inline", PLUGIN, [REMOTE, INLINE]),
        ("registry", CONTAINER, [REMOTE, f"--cache-to=type=registry,ref={IMAGE}:cache,mode=max"]),
        ("registry", PLUGIN, [REMOTE, INLINE]),
        ("registry", CLIENT, [f"--cache-from={IMAGE}:cache", INLINE]),
        ("registry", CLASSIC, []),
        ("inline", CLASSIC, []),
    ],
)
def test_the_cache_is_what_the_builder_can(mode: str, builder: Builder, told: list[str]) -> None:
    assert cache_options("api", build(cache={"mode": mode}).cache, IMAGE, builder, True) == told


def test_which_cache_was_chosen_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    cache_options("api", build(cache={"mode": "registry"}).cache, IMAGE, CLIENT, True)
    cache_options("api", build(cache={"mode": "local", "folder": "/x"}).cache, IMAGE, CLIENT, True)
    assert "api: cache registry needs buildx" in caplog.text and "; inline is used" in caplog.text
    assert "the Engine's own cache alone is used" in caplog.text


def test_a_folder_is_read_once_it_holds_a_cache_and_test_images_only_read(tmp_path: Path) -> None:
    cache = build(cache={"mode": "local", "folder": str(tmp_path)}).cache
    written = f"--cache-to=type=local,dest={tmp_path},mode=max"
    assert cache_options("api", cache, IMAGE, CONTAINER, True) == [written]
    (tmp_path / "index.json").touch()
    read = f"--cache-from=type=local,src={tmp_path}"
    assert cache_options("api", cache, IMAGE, CONTAINER, True) == [read, written]
    assert cache_options("api", cache, IMAGE, CONTAINER, False) == [read]


def test_attestations_are_made_told_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    wanted = build(sbom=True, provenance=True)
    assert attestations("api", wanted, CONTAINER) == ["--sbom=true", "--provenance=mode=min"]
    for builder in (CLIENT, PLUGIN, OLD, CLASSIC):
        assert attestations("api", wanted, builder) == []
    assert "api: no sbom and no provenance, it needs buildx" in caplog.text
    with pytest.raises(ReleaseRefused, match="provenance cannot be made by BuildKit of the Engine"):
        attestations("api", build(sbom=True, provenance="required"), CLIENT)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"secrets": {"x": {"secret_env": "X"}}}, "build.secrets"),
        ({"ssh": {"socket": "/x"}}, "build.ssh"),
        ({"platform": "linux/arm64"}, "build.platform"),
    ],
)
def test_the_classic_builder_is_not_asked_for_what_it_cannot(settings: dict, what: str) -> None:
    with pytest.raises(ReleaseRefused, match=f"{what} needs BuildKit") as caught:
        options("api", build(**settings), CLASSIC)
    assert "docker-buildx" in str(caught.value)


def test_what_programs_say_of_themselves_is_read() -> None:
    assert _numbers("github.com/docker/buildx v0.29.1 5aa3e4c\n") == (0, 29)
    assert _numbers("github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3\n") == (0, 13)
    assert _numbers("Docker version 20.10.24+dfsg1, build 297e128\n") == (20, 10)
    assert _numbers("podman version\n") == ()
    assert _driver("Name:   default\nDriver: docker-container\n\nNodes:\n") == "docker-container"
