"""Which images must stay: all that any file names, what customers may go back to, and main."""

from types import SimpleNamespace

from conftest_gitops import digest, release_of
from test_commit import promote

from tasks.gitops import state
from tasks.gitops.hold import hold
from tasks.gitops.needed import needed_images
from tasks.gitops.rollback import rollback
from tasks.models import Hold, tag_of


def released(world: SimpleNamespace, number: int, *customers: str) -> None:
    commit = world.app.commit({"backend/a": f"{number}"}, f"release {number}")
    promote(world, release_of(commit, number), *customers)


def test_nothing_is_needed_by_a_repository_that_names_no_image(world: SimpleNamespace) -> None:
    world.gitops.commit(
        {f"customers/{n}/{f}": None for n, f in (("dal", "values.yaml"), ("bre", "kustomization.yaml"))}
    )
    world.gitops.commit({"customers/fjord/kustomization.yaml": None})
    assert needed_images(world.config) == frozenset()


def test_what_customers_run_and_may_go_back_to_is_needed_and_what_is_long_gone_is_not(world: SimpleNamespace) -> None:
    path = world.gitops.work / state.path("bre")
    path.parent.mkdir(parents=True)
    for number in range(1, 25):
        path.write_bytes(state.write("bre", release_of(f"{number:040x}", number)))
        world.gitops.git("add", "--all")
        world.gitops.git("commit", "--quiet", "-m", f"release {number}")
    world.gitops.commit({"README.md": "pushed\n"})
    needed = needed_images(world.config)
    assert {digest(n) for n in range(5, 25)} <= needed
    assert {tag_of(f"{n:040x}") for n in range(5, 25)} <= needed, "the tags of their trees, too"
    assert digest(1) not in needed


def test_a_held_customer_and_one_that_was_put_back_keep_what_they_run_and_came_from(world: SimpleNamespace) -> None:
    released(world, 1, "dal")
    released(world, 2, "dal")
    hold(world.config, ["dal"], Hold(reason="audit", owner="kari"))
    for number in range(3, 7):
        released(world, number, "bre")
    rollback(world.config, ["bre"], Hold(reason="slow", owner="kari"))
    assert {digest(n) for n in range(1, 7)} <= needed_images(world.config)
    assert {digest(1), digest(2)} <= needed_images(world.config, commits=3), (
        "its commits are older than the newest three"
    )


def test_a_state_file_names_the_content_that_a_customer_runs(world: SimpleNamespace) -> None:
    release = release_of("1" * 40, 1)
    images = [i.model_copy(update={"key": f"{n:064x}"}) for n, i in enumerate(release.images)]
    written = state.write("bre", release.model_copy(update={"images": tuple(images)})).decode()
    assert state.read(written.encode(), "bre").release.components["backend"].key
    world.gitops.commit({state.path("bre"): written})
    assert {i.tag for i in images} <= needed_images(world.config)
    assert all(i.tag.startswith("content-") for i in images)


def test_any_file_counts_whoever_wrote_it(world: SimpleNamespace) -> None:
    world.gitops.commit(
        {"notes/x.txt": f"by hand: shop@{digest(77)}\n", "other/kustomization.yaml": f"newTag: tree-{'7' * 40}"}
    )
    assert {digest(77), f"tree-{'7' * 40}"} <= needed_images(world.config)
