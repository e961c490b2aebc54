"""What a container may take of the machine: what the Engine enforces by itself, and what has to be looked at."""

from typing import TYPE_CHECKING, Any

from tasks.config.suites import Limits
from tasks.containers.engine import engine
from tasks.containers.watch import Breach, size

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.networks import Network

# Of Docker's own set without what could disturb the containers beside it or make devices: NET_RAW, MKNOD, SYS_CHROOT,
# AUDIT_WRITE, SETFCAP, SETPCAP. Those that are left let root in an image change owners and become another user.
CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"]
LOG_BYTES = "10m"


def enforced(limits: Limits) -> dict[str, Any]:
    """The Engine's part, as arguments of its SDK. One file cannot become larger than all of the disk limit."""
    from docker.types import Ulimit

    return {
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "pids_limit": limits.pids,
        "nano_cpus": int(limits.cpus * 1e9) if limits.cpus else None,
        "ulimits": [
            Ulimit(name="fsize", soft=limits.disk, hard=limits.disk),
            Ulimit(name="core", soft=0, hard=0),
        ],
        "shm_size": "256m",
    }


def confined() -> dict[str, Any]:
    """What takes a command's means to become more than it is."""
    return {"cap_drop": ["ALL"], "cap_add": CAPABILITIES, "security_opt": ["no-new-privileges"]}


def logged(kept: bool) -> dict[str, Any]:
    """The Engine keeps the last lines of a server; what is followed from its start is not kept a second time."""
    from docker.types import LogConfig

    if not kept:
        return {"log_config": LogConfig(type="none")}
    return {"log_config": LogConfig(type="json-file", config={"max-size": LOG_BYTES, "max-file": "1"})}


def volumes(image: str, limits: Limits) -> dict[str, str]:
    """The image's volumes in memory, where they are limited: on disk nothing would count what is written there."""
    declared = engine().images.get(image).attrs["Config"].get("Volumes") or {}
    return {path: f"exec,mode=1777,size={min(limits.disk, limits.memory)}" for path in declared}


def breached(container: "Container", network: "Network", limits: Limits) -> Breach | None:
    """Looks at a running container; None too when it has ended meanwhile."""
    from docker.errors import APIError
    from requests import RequestException

    try:
        stats = engine().api.stats(container.id, stream=False, one_shot=True)
    except (APIError, RequestException):
        return None
    if (stats.get("pids_stats") or {}).get("current", 0) >= limits.pids:
        return Breach(limit="pids", seen=f"it had {limits.pids} processes at once")
    return overfull(network, limits)


def overfull(network: "Network", limits: Limits) -> Breach | None:
    """Whether the containers of a network have written more than they may, counted without the content of their images."""
    from docker.errors import APIError
    from requests import RequestException

    try:
        beside = engine().api.containers(all=True, size=True, filters={"network": network.id})
    except (APIError, RequestException):
        return None
    if sum(c.get("SizeRw", 0) for c in beside) < limits.disk:
        return None
    return Breach(limit="disk", seen=f"it wrote {size(limits.disk)} to disk")


def out_of_memory(container: "Container") -> bool:
    """Whether the Engine killed one of its processes because of the memory limit."""
    container.reload()
    return bool(container.attrs["State"].get("OOMKilled"))
