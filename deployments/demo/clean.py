"""`make clean`: removes the demo's world with its containers, networks and databases."""

import shutil

from deployments.demo.cluster import remove_all
from deployments.demo.world import demo_folder, open_world
from tasks.containers import engine


def clean() -> None:
    """Doing it again finds nothing to remove."""
    folder = demo_folder()
    if not (folder / "world.json").exists():
        print(f"nothing to remove in {folder}")
        return
    world = open_world(folder)
    remove_all(world.settings.id)
    for volume in engine().volumes.list(filters={"name": f"slipway-demo-{world.settings.id}"}):
        volume.remove(force=True)
    shutil.rmtree(folder)
    print(f"removed {folder}")


if __name__ == "__main__":
    clean()
