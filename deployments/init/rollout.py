"""The rollout section of a first release.yaml: how customers are seen, by what rolls them out in the GitOps repository."""

from collections.abc import Callable

from deployments.init.found import Found
from deployments.init.lines import Text, in_flow, scalar
from tasks.gitops.recognised import FoundArgoCD, FoundFlux, FoundWorkload, Rollout

TOOLS = {"argocd": "Argo CD", "flux": "Flux", "kubernetes": "Kubernetes"}
MADE_UP = "made up: it stands nowhere in the repository"


def write(text: Text, found: Found) -> None:
    """The way that fits what was seen; the other one as a comment that can be taken instead."""
    tool = found.gitops.rollout
    way = _way(found)
    text.put(0, "rollout:")
    if tool and way != "http":
        text.note(2, f"{TOOLS[way]} says what customers run ({tool.why}); more in docs/rollout.md")
    WAYS[way](text, found)
    other = "http" if way != "http" else tool.tool if tool and _is_known(tool) else ""
    if not other:
        return
    why = "over HTTP, where the app answers its commit" if other == "http" else f"by {TOOLS[other]}"
    text.note(2, f"Or {why}: take these lines in place of the ones above.")
    text.as_comment = True
    WAYS[other](text, found)
    text.as_comment = False


def _way(found: Found) -> str:
    """How customers are seen: HTTP where nothing else is known well enough."""
    tool = found.gitops.rollout
    if tool is None:
        return "http"
    if tool.argocd and not tool.argocd.elsewhere:
        return "argocd"
    if tool.flux:
        return "flux"
    plain = all(t.manifest or ".containers[" in (t.path or "") for i in found.gitops.images for t in i.targets)
    return "kubernetes" if tool.tool == "kubernetes" and plain and _is_known(tool) else "http"


def _is_known(tool: Rollout) -> bool:
    """Whether a section can be written for the tool that was seen, be it as a comment."""
    return bool(tool.kubernetes) if tool.tool == "kubernetes" else not (tool.argocd and tool.argocd.elsewhere)


def _http(text: Text, found: Found) -> None:
    tool, address = found.gitops.rollout, found.gitops.address
    if tool and tool.argocd and tool.argocd.elsewhere:
        text.note(
            2, f"Argo CD rolls out here ({tool.why}), but its Applications hold the images and take their files from"
        )
        text.note(2, "another repository: the revision that they are synced to does not tell which release they run.")
    why = (
        f"in {found.gitops.address_why}" if address else "made up: no address that carries a customer's name was found"
    )
    text.put(2, "verify: http")
    text.put(2, f"url: {scalar(address or f'https://{{customer}}.{found.name}.example.com')}", why, sure=False)
    if found.gitops.addresses:
        text.put(2, "urls:", "customers with an address of their own")
        for customer, url in found.gitops.addresses.items():
            text.put(4, f"{in_flow(customer)}: {scalar(url)}")
    text.put(2, "versions:", 'paths that answer {"commit": ...}')
    for component in found.components:
        text.value(4, component.name, component.version)


def _argocd(text: Text, found: Found) -> None:
    tool = found.gitops.rollout
    seen = tool.argocd if tool else None
    seen = seen or FoundArgoCD(application=f"{found.name}-{{customer}}", why="", sure=False)
    text.put(2, "verify: argocd")
    text.put(2, "argocd:")
    host = "argocd.{customer}.example.com" if seen.own_server else "argocd.example.com"
    all_alike = "; all Applications have one name, so each customer has a server" if seen.own_server else ""
    text.put(4, f"url: {scalar(f'https://{host}')}", MADE_UP + all_alike, sure=False)
    text.put(4, "token_env: SLIPWAY_ARGOCD_TOKEN", "a variable of the worker; or token_file: a path", sure=False)
    why = f"in {seen.why}" if seen.why else "made up: no Application carries a customer's name"
    text.put(4, f"application: {in_flow(seen.application)}", why + _also(seen.others), seen.sure)
    for key in ("app_namespace", "project", "selector"):
        if value := getattr(seen, key):
            text.put(4, f"{key}: {scalar(value)}", "as each of them has it")
    if seen.repository:
        text.put(4, f"repository: {scalar(seen.repository)}", "the source of the Applications: is it this one?", False)
    if any(t.tagged for i in found.gitops.images for t in i.targets):
        text.note(2, "Tags stand in the GitOps files, and Argo CD knows images as the files name them: so the pods say")
        text.note(2, "which digest runs. Where all files carry digests, the lines from here on can go.")
        _pods(text, found)


def _flux(text: Text, found: Found) -> None:
    tool = found.gitops.rollout
    seen = tool.flux if tool else None
    guess = f"{found.name}-{{customer}}"
    seen = seen or FoundFlux(kustomization=guess, why="", sure=False, namespace="flux-system", waits=False)
    text.put(2, "verify: flux")
    beside = not seen.waits and not seen.helm_releases and bool(tool and tool.kubernetes)
    if not beside:
        _cluster(text, seen.own_cluster)
    text.put(2, "flux:")
    why = "made up: no Kustomization carries a customer's name" if not seen.why else f"in {seen.why}"
    if seen.why and not seen.sure and seen.kustomization == "flux-system":
        why = "the one of `flux bootstrap`: no Kustomization of a customer was found"
    text.put(4, f"kustomization: {in_flow(seen.kustomization)}", why + _also(seen.others), seen.sure)
    text.put(4, f"namespace: {in_flow(seen.namespace)}")
    if seen.helm_releases:
        text.put(4, f"helm_releases: [{', '.join(map(in_flow, seen.helm_releases))}]", "must be ready, too")
        told = "as each of them has it" if seen.helm_sure else "no HelmRelease says its customer's namespace"
        text.put(4, f"helm_namespace: {in_flow(seen.helm_namespace)}", told, seen.helm_sure)
    if seen.selector:
        text.put(4, f"selector: {scalar(seen.selector)}", "as each of them has it")
    if seen.waits or seen.helm_releases:
        return
    told = "A Kustomization without `wait: true` is ready before anything runs"
    if beside:
        text.note(2, f"{told}, so the pods are looked at.")
        _pods(text, found)
    else:
        text.note(2, f"{told}: set it in each, or describe the workloads under kubernetes", check=True)


def _pods(text: Text, found: Found) -> None:
    """The cluster, and the workloads: as they were seen, else as they are usually called."""
    tool = found.gitops.rollout
    seen = tool.kubernetes if tool else None
    alike = bool(seen) and "{customer}" not in seen.namespace + "".join(w.name for w in seen.workloads.values())
    _cluster(text, alike)
    text.put(2, "kubernetes:")
    namespace = seen.namespace if seen else "{customer}"
    told = (seen.namespace_why if seen else "") or "made up: no file says the customers' namespaces"
    text.put(4, f"namespace: {in_flow(namespace)}", told, bool(seen and seen.namespace_why))
    if seen and seen.selector:
        text.put(4, f"selector: {scalar(seen.selector)}", "as each workload and its pods have it")
    text.put(4, "workloads:")
    for component in found.components:
        _workload(text, component.name, seen.workloads[component.name] if seen else None)


def _workload(text: Text, component: str, seen: FoundWorkload | None) -> None:
    if seen is None:
        line = f"{component}: {{kind: Deployment, name: {in_flow(component)}, container: {in_flow(component)}}}"
        text.put(6, line, "made up: no workload runs its image in the repository", sure=False)
        return
    names = f"name: {in_flow(seen.name)}, container: {in_flow(seen.container)}"
    text.put(6, f"{component}: {{kind: {seen.kind}, {names}}}", f"in {seen.why}{_also(seen.others)}", not seen.others)


def _cluster(text: Text, own: bool) -> None:
    """How the Kubernetes API is reached: nothing in a GitOps repository says it."""
    context = ", context: '{customer}'" if own else ""
    told = "made up; or server and token_file; or, where Slipway runs in the cluster, nothing"
    text.put(2, f"cluster: {{kubeconfig: /etc/slipway/kubeconfig{context}}}", told, sure=False)


def _kubernetes(text: Text, found: Found) -> None:
    text.put(2, "verify: kubernetes")
    _pods(text, found)


def _also(others: tuple[str, ...]) -> str:
    return f"; also there: {', '.join(others[:3])}" if others else ""


WAYS: dict[str, Callable[[Text, Found], None]] = {
    "http": _http,
    "argocd": _argocd,
    "flux": _flux,
    "kubernetes": _kubernetes,
}
