"""How a component's image is built: what the builder is given, where its cache is, how long it may take."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from tasks.config.operate import Secret
from tasks.config.types import AbsolutePath, Duration, RelativePath, Section
from tasks.models import Name
from tasks.secrets.looks import looks_secret

ARGUMENT = r"^[A-Za-z_][A-Za-z0-9_]{0,99}$"
ArgumentName = Annotated[str, StringConstraints(pattern=ARGUMENT)]
SecretId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
ImageReference = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")
]
Platform = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+/[a-z0-9_]+(/v\d+)?$")]
Attested = bool | Literal["required"]


class Cache(Section):
    """Where build steps are kept besides the Engine's own cache, for workers that start empty."""

    mode: Literal["none", "inline", "registry", "local"] = Field(
        default="none",
        description="inline: in a copy of the image, last stage only; registry: every stage, in an image of its own; "
        "local: every stage, in a folder",
    )
    ref: ImageReference | None = Field(
        default=None, description="inline, registry: image that holds it; none: the component's image, tag `cache`"
    )
    folder: AbsolutePath | None = Field(default=None, description="local: folder on the worker")

    @model_validator(mode="after")
    def _place(self) -> Self:
        if (self.mode == "local") != (self.folder is not None):
            raise ValueError("folder: needed with mode local, and only there")
        if self.ref and self.mode not in ("inline", "registry"):
            raise ValueError("ref: only with mode inline or registry")
        return self


class Ssh(Section):
    """What `RUN --mount=type=ssh` logs in with; the key itself never reaches the build."""

    socket: AbsolutePath | None = Field(default=None, description="socket of an ssh-agent")
    key_file: AbsolutePath | None = Field(default=None, description="private key without a passphrase")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.socket is None) == (self.key_file is None):
            raise ValueError("needs one of socket and key_file")
        return self

    @property
    def path(self) -> str:
        """The one that is set."""
        return self.socket or self.key_file or ""


class Build(Section):
    dockerfile: RelativePath = Field(default="Dockerfile", description="path in the component's folder")
    target: Name | None = Field(default=None, description="build target of the deployed image; none: the last stage")
    args: dict[ArgumentName, str] = Field(
        default={}, description="values of ARG; they can be read in the image, so no secrets: those go into secrets"
    )
    secrets: dict[SecretId, Secret] = Field(
        default={}, description="id of `RUN --mount=type=secret,id=ID` -> where the secret is"
    )
    ssh: Ssh | None = Field(default=None, description="what `RUN --mount=type=ssh` logs in with")
    platform: Platform | None = Field(default=None, description="such as linux/arm64; none: the Engine's own")
    cache: Cache = Field(default=Cache(), description="where build steps are kept for workers that start empty")
    sbom: Attested = Field(
        default=False, description="list of what is in the image, beside it; required: refused where it cannot be made"
    )
    provenance: Attested = Field(
        default=False, description="how the image was built, beside it; required: refused where it cannot be made"
    )
    timeout: Duration = Field(default=1800, ge=1, description="how long a build may take")
    context_megabytes: int = Field(default=1024, ge=1, description="how large what is sent to the builder may be")

    @field_validator("args")
    @classmethod
    def _no_secrets(cls, args: dict[str, str]) -> dict[str, str]:
        if "COMMIT" in args:
            raise ValueError("COMMIT is set by Slipway: the commit that the image is built from")
        for name, value in args.items():
            if why := looks_secret(name, value):
                raise ValueError(f"{name} {why}; build arguments can be read in the image: use build.secrets")
        return args

    @property
    def needs_buildkit(self) -> str:
        """The first setting that only BuildKit can do; '' without one."""
        asked = {
            "secrets": self.secrets,
            "ssh": self.ssh,
            "platform": self.platform,
            "sbom": self.sbom == "required",
            "provenance": self.provenance == "required",
        }
        return next((f"build.{name}" for name, wanted in asked.items() if wanted), "")
