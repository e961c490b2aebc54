"""Reads `release.yaml`: every wrong key at once, each with file, line, key and what is allowed."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tasks.config.keys import description, problem
from tasks.config.model import Config
from tasks.errors import ConfigInvalid
from tasks.models import Reason
from tasks.secrets.known import learn_all
from tasks.secrets.masking import mask

MAX_BYTES = 1_000_000


def config_path() -> Path:
    """Where `release.yaml` is: $SLIPWAY_CONFIG, else in the working directory."""
    return Path(os.environ.get("SLIPWAY_CONFIG") or "release.yaml")


def config_paths() -> tuple[Path, ...]:
    """Every `release.yaml` of a process that serves several apps: $SLIPWAY_CONFIG names them as PATH names folders."""
    named = [Path(p) for p in os.environ.get("SLIPWAY_CONFIG", "").split(os.pathsep) if p]
    return tuple(named) or (config_path(),)


def load_config(path: Path | None = None) -> Config:
    """Reads and checks `release.yaml`.

    The secrets that it points at are masked from then on. Raises `ConfigInvalid` with every wrong key at once, each with file, line, key and what is allowed.
    """
    path = path or config_path()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigInvalid.because(
            f"no configuration: {error.strerror}",
            str(path),
            "name the file with --config or in SLIPWAY_CONFIG, or write a first one with `slipway init`",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigInvalid.because(
            "the configuration is not UTF-8", f"{path}, byte {error.start}", "save it as UTF-8"
        ) from error
    document = _parse(text, path)
    try:
        config = Config.model_validate(document.value)
    except ValidationError as error:
        raise ConfigInvalid(*(document.reason(e) for e in _said_once(error.errors()))) from error
    learn_all(config)
    if shown := list(_shown_secrets(config)):
        raise ConfigInvalid(*(document.reason(problem) for problem in shown))
    return config


def _shown_secrets(config: Config) -> Iterator[dict[str, Any]]:
    """Build arguments that hold a secret which this process knows: they could be read in the image."""
    for name, component in config.components.items():
        for argument, value in component.build.args.items():
            if mask(value) != value:
                place = ("components", name, "build", "args", argument)
                yield {"loc": place, "type": "value_error", "msg": "holds a known secret: use build.secrets"}


class _Loader(yaml.SafeLoader):
    """With the booleans of YAML 1.2: the key `on` is a text, as it is for editors and for other tools."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        first: [(tag, form) for tag, form in known if tag != "tag:yaml.org,2002:bool"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("true|True|TRUE|false|False|FALSE"), ["t", "T", "f", "F"]
)


def _said_once(errors: Sequence[Any]) -> list[Any]:
    """Without pydantic's echoes: a list whose only item is wrong is also called too short."""
    inner = [e["loc"] for e in errors]
    return [
        e
        for e in errors
        if e["type"] != "too_short" or not any(len(i) > len(e["loc"]) and i[: len(e["loc"])] == e["loc"] for i in inner)
    ]


class _Document:
    """Parsed YAML that still knows the line of each key."""

    def __init__(self, node: yaml.Node | None, value: Any, path: Path) -> None:
        self.node, self.value, self.path = node, value, path

    def reason(self, error: Any) -> Reason:
        """One pydantic error as file, line, key and what is allowed."""
        keys = [k for k in error["loc"] if not (isinstance(k, str) and ("[" in k or k in ("str", "constrained-str")))]
        key = ".".join(str(k) for k in keys) or "the file"
        meant = description(keys)
        return Reason(
            what=f"{key}: {problem(error, keys)}",
            where=f"{self.path}, line {self.line(keys)}",
            next_step=(f"meant is: {meant}; " if meant else "") + "`slipway config schema` has every key",
        )

    def line(self, keys: list[Any]) -> int:
        """Line of the key, or of the nearest one above it that is there; 1 for an empty file."""
        node, line = self.node, 1
        for key in keys:
            child = _child(node, key)
            if child is None:
                break
            line, node = child
        return line


def _child(node: yaml.Node | None, key: Any) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((k.start_mark.line + 1, v) for k, v in node.value if k.value == str(key)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    return None


def _parse(text: str, path: Path) -> _Document:
    if len(text) > MAX_BYTES:
        raise ConfigInvalid.because(
            f"the configuration is larger than {MAX_BYTES} bytes", str(path), "is this the right file?"
        )
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        _no_duplicates(node, path)
        return _Document(node, loader.construct_document(node) if node else None, path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        said = getattr(error, "problem", None) or str(error)
        raise ConfigInvalid.because(f"not YAML: {said}", f"{path}{line}", "mend the syntax there") from error
    except RecursionError as error:
        raise ConfigInvalid.because(
            "not a configuration: nested too deeply", str(path), "is this the right file?"
        ) from error


def _no_duplicates(node: yaml.Node | None, path: Path) -> None:
    """PyYAML lets the last of two equal keys win in silence; a configuration must not."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _no_duplicates(item, path)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            raise ConfigInvalid.because(
                f"{key.value}: the key stands twice", f"{path}, line {key.start_mark.line + 1}", "keep one of them"
            )
        seen.add(key.value)
        _no_duplicates(value, path)
