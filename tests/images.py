"""Images that tests leave on the Engine: named after a registry that is gone, nobody will ever ask for them again."""

from tasks.containers import engine


def forget(prefix: str | tuple[str, ...]) -> None:
    """Removes every image name that begins so; other processes may be removing theirs."""
    from docker.errors import ImageNotFound

    for image in engine().api.images():
        for name in image["RepoTags"] or ():
            if name.startswith(prefix):
                try:
                    engine().images.remove(name, force=True)
                except ImageNotFound:
                    continue
