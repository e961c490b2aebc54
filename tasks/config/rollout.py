"""The section `rollout` of `release.yaml`: how customers are seen running a release."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.config.types import Address, Duration, EnvironmentName, ImageName, Pattern, Section
from tasks.models import Name


class Server(Section):
    """A server that wants a token. The token itself never stands in the file."""

    token_file: str | None = Field(default=None, description="file that holds the token; read anew for each request")
    token_env: EnvironmentName | None = Field(default=None, description="environment variable that holds the token")
    ca_file: str | None = Field(default=None, description="PEM file of the authority that signed its certificate")

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if self.token_file and self.token_env:
            raise ValueError("has token_file and token_env; keep one")
        return self


class ArgoCD(Server):
    url: Address = Field(description="address of the Argo CD API server, {customer} where each has its own")
    application: Pattern = Field(description="name of a customer's Application, such as shop-{customer}")
    app_namespace: Pattern | None = Field(default=None, description="its namespace, where that is not Argo CD's own")
    project: Pattern | None = Field(
        default=None, description="its project; with it Argo CD tells a missing Application from a missing right"
    )
    selector: str | None = Field(
        default=None, description="label selector of all customers' Applications; many are then read with one request"
    )
    repository: str | None = Field(
        default=None, description="the source that carries the digests, where its URL differs from gitops.repository"
    )
    images: dict[Name, ImageName] = Field(
        default={}, description="component -> image repository as pods name it, where a mirror gives it another name"
    )
    components: tuple[Name, ...] = Field(default=(), description="components that are looked at; none named: all")
    refresh: bool = Field(
        default=True, description="whether Argo CD is asked to look at git at once instead of at its next interval"
    )

    @model_validator(mode="after")
    def _has_a_token(self) -> Self:
        if not (self.token_file or self.token_env):
            raise ValueError("needs token_file or token_env")
        return self


class Cluster(Server):
    """The Kubernetes API: an address with a token, a kubeconfig, or, with nothing given, the cluster this runs in."""

    server: Address | None = Field(default=None, description="address of the API server, {customer} may stand in it")
    kubeconfig: str | None = Field(default=None, description="path of a kubeconfig file")
    context: str | None = Field(default=None, description="context of the kubeconfig, {customer} may stand in it")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.server and self.kubeconfig:
            raise ValueError("has server and kubeconfig; keep one")
        if self.server and not (self.token_file or self.token_env):
            raise ValueError("server needs token_file or token_env")
        if not self.server and (self.token_file or self.token_env or self.ca_file):
            raise ValueError("token_file, token_env and ca_file belong to server")
        if self.context and not self.kubeconfig:
            raise ValueError("context is one of a kubeconfig; name it")
        return self


class Workload(Section):
    kind: Literal["Deployment", "StatefulSet", "DaemonSet"] = Field(
        default="Deployment", description="kind of the object"
    )
    name: Pattern = Field(description="name of the workload, {customer} may stand in it")
    container: Name | None = Field(
        default=None, description="its container that runs the image; none: as the component"
    )


class Kubernetes(Section):
    namespace: Pattern = Field(default="{customer}", description="namespace of a customer")
    workloads: dict[Name, Workload] = Field(min_length=1, description="component -> the workload that runs it")
    selector: str | None = Field(
        default=None,
        description="label selector of all customers' workloads and pods; many customers are then read with one list per kind, over all namespaces",
    )
    pinned: bool = Field(
        default=False,
        description="CRI-O reports an image index as the manifest of one platform: believe a pod that names the planned digest",
    )


class Flux(Section):
    kustomization: Pattern = Field(description="name of the Kustomization that applies a customer's files")
    namespace: Pattern = Field(default="flux-system", description="namespace of the Kustomization")
    helm_releases: tuple[Pattern, ...] = Field(default=(), description="names of HelmReleases that must be ready, too")
    helm_namespace: Pattern = Field(default="{customer}", description="namespace of the HelmReleases")
    selector: str | None = Field(
        default=None,
        description="label selector of all customers' Kustomizations and HelmReleases; many are then read with one list each",
    )


class Rollout(Section):
    verify: Literal["http", "argocd", "kubernetes", "flux"] = Field(
        default="http", description="how a customer is seen running the release"
    )
    url: str = Field(default="", description="http: base address with {customer}")
    urls: dict[Name, str] = Field(default={}, description="http: base address of single customers; comes before url")
    versions: dict[Name, str] = Field(default={}, description='http: component -> path that answers {"commit": ...}')
    argocd: ArgoCD | None = Field(default=None, description="argocd: where each customer's Application is")
    cluster: Cluster = Field(default=Cluster(), description="kubernetes and flux: how the Kubernetes API is reached")
    kubernetes: Kubernetes | None = Field(
        default=None, description="the workloads whose running digests are compared; beside argocd and flux, too"
    )
    flux: Flux | None = Field(default=None, description="flux: what applies a customer's files")
    timeout: Duration = Field(default=300, description="how long a customer may take to run the release")
    on_failure: Literal["stop", "rollback"] = Field(
        default="stop",
        description="stop: leave failing customers as they are; rollback: put them back in one commit and hold them",
    )

    @model_validator(mode="after")
    def _has_what_its_way_needs(self) -> Self:
        needed = {"http": self.versions, "argocd": self.argocd, "kubernetes": self.kubernetes, "flux": self.flux}
        if not needed[self.verify]:
            raise ValueError(f"verify: {self.verify} needs {'versions' if self.verify == 'http' else self.verify}")
        return self

    def address(self, customer: str) -> str:
        """Base address of one customer, without a slash at the end."""
        return self.urls.get(customer, self.url.replace("{customer}", customer)).rstrip("/")
