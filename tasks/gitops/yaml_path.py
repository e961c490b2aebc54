"""The paths of `tasks/yaml_path.py`, which release.yaml is checked with too."""

from tasks.yaml_path import Entry, Step, steps, written

__all__ = ["Entry", "Step", "steps", "written"]
