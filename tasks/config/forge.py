"""A forge as `release.yaml` names it: GitHub, GitLab or Gitea, one of its projects, and where its token is."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.config.types import ForgeUrl, Project, Section


class Forge(Section):
    kind: Literal["github", "gitlab", "gitea"] = Field(
        description="which API the forge speaks; gitea is Gitea and Forgejo, github is GitHub Enterprise too"
    )
    url: ForgeUrl | None = Field(
        default=None,
        description="address of the API, such as https://git.example.com/api/v1; none: github.com or gitlab.com",
    )
    project: Project = Field(description="owner/name of the repository; GitLab: its path or number")
    token_file: str | None = Field(default=None, min_length=1, description="path of the file that holds the token")
    token_env: str | None = Field(
        default=None, pattern=r"^[A-Za-z_]\w*$", description="name of the environment variable that holds the token"
    )
    ca_file: str | None = Field(
        default=None, min_length=1, description="path of the PEM file that vouches for the forge's certificate"
    )

    @model_validator(mode="after")
    def _can_be_reached(self) -> "Forge":
        if (self.token_file is None) == (self.token_env is None):
            raise ValueError("needs one of token_file and token_env: where the token is, never the token itself")
        if self.kind == "gitea" and self.url is None:
            raise ValueError("url: needed for gitea, there is no common one")
        if self.kind != "gitlab" and self.project.count("/") != 1:
            raise ValueError("project: write owner/name")
        return self
