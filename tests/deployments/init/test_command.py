"""`slipway init` as a person meets it: a file that works at once, guesses that say so, nothing lost, nothing half."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from deployments.demo import world as demo
from deployments.init import command as first
from deployments.init.text import scalar
from tasks.config.file import load_config
from tasks.errors import ConfigInvalid
from tasks.gitops.recognise import check
from tests.program import slipway

ROOT = Path(__file__).parents[3]
R = "registry.example.no/shop"
DOCKERFILE = "FROM scratch AS test\nFROM scratch\nARG COMMIT\nEXPOSE 8000\n"


@pytest.fixture
def made(repository: Callable, tmp_path: Path) -> Callable[..., SimpleNamespace]:
    """An app and a GitOps repository of these files, and init on them."""

    def make(app_files: dict[str, str], gitops_files: dict[str, str]) -> SimpleNamespace:
        app, gitops, output = repository("shop"), repository("gitops"), tmp_path / "release.yaml"
        app.commit(app_files)
        gitops.commit(gitops_files)
        arguments = ["init", "--app", app.url, "--gitops", gitops.url, "--output", str(output)]
        return SimpleNamespace(
            app=app,
            gitops=gitops,
            output=output,
            run=lambda *more, **env: slipway(*arguments, *more, **{"COLUMNS": "80", **env}),
        )

    return make


def values(image: str = f"{R}/api") -> str:
    return f"api:\n  image: {{repository: {image}, tag: v1}}\n"


@pytest.fixture
def plain(made: Callable) -> SimpleNamespace:
    """One component, three customers."""
    return made(
        {"api/Dockerfile": DOCKERFILE}, {f"customers/{c}/values.yaml": values() for c in ("bre", "dal", "test")}
    )


def assert_whole(situation: SimpleNamespace, customers: set[str], components: set[str]) -> None:
    """The file is a configuration, and a release could set every component of every customer with it."""
    config = load_config(situation.output)
    checked, names = check(config, situation.gitops.git("rev-parse", "HEAD"))
    assert set(names) == customers
    assert {(c.component, c.customer) for c in checked if not c.problem} == {
        (c, n) for c in components for n in customers
    }


def test_the_demo_is_recognised_as_its_own_configuration_says(repository: Callable, tmp_path: Path) -> None:
    app, gitops = repository("app"), repository("gitops")
    shutil.copytree(demo.SHOP, app.work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules", ".next"))
    app.commit({})
    ports = dict.fromkeys(demo.CUSTOMERS, 1)
    settings = demo.Settings(
        id="x", secret="x", registry_port=5000, prefect_port=1, receiver_port=1, receiver="x", customer_ports=ports
    )
    gitops.commit(demo.gitops_files(settings))
    output = tmp_path / "release.yaml"
    done = slipway("init", "--app", app.url, "--gitops", gitops.url, "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert_whole(SimpleNamespace(output=output, gitops=gitops), set(demo.CUSTOMERS), {"backend", "frontend"})
    config = load_config(output)
    place = SimpleNamespace(app_remote=app.url, gitops_remote=gitops.url, settings=settings, address=str, secret="x")
    theirs = demo.release_yaml(place)  # type: ignore[arg-type]
    assert config.app.name == "shop"
    assert {n: c.image for n, c in config.components.items()} == {
        n: c["image"]
        for n, c in theirs["components"].items()  # type: ignore[attr-defined]
    }
    assert {n: t[0].file for n, t in config.gitops.targets.items()} == {
        n: t[0]["file"]
        for n, t in theirs["gitops"]["targets"].items()  # type: ignore[index]
    }
    assert config.rollout.versions == theirs["rollout"]["versions"]  # type: ignore[index]
    assert config.migrations and config.migrations.metadata == "shop.database:Base"
    assert config.e2e and config.e2e.env == {"BASE_URL": "http://frontend:3000"}


def test_what_was_written_passes_validate_and_says_what_to_do_next(plain: SimpleNamespace) -> None:
    done = plain.run()
    assert done.returncode == 0, done.stderr
    assert "slipway config validate" in done.stdout
    assert_whole(plain, {"bre", "dal", "test"}, {"api"})
    assert slipway("config", "validate", SLIPWAY_CONFIG=str(plain.output)).returncode == 0


def test_every_guess_is_marked_and_counted(plain: SimpleNamespace) -> None:
    done = plain.run()
    marked = [line for line in plain.output.read_text().splitlines() if "# CHECK: " in line]
    assert f"{len(marked)} lines are guesses" in done.stdout
    assert any("test" in line and "customers: [test]" in line for line in marked)
    assert any("made up" in line for line in marked)
    assert not any("EXPOSE" in line for line in marked)


def test_the_table_fits_80_columns_without_a_terminal(plain: SimpleNamespace) -> None:
    out = plain.run().stdout
    table = out[: out.index("customers (3)")]
    assert all(len(line) <= 80 for line in table.splitlines())
    assert "customers/{customer}/values.yaml" in table
    assert "\x1b" not in out


def test_the_same_repositories_give_the_same_bytes_and_nothing_to_do(plain: SimpleNamespace) -> None:
    plain.run()
    before = plain.output.read_bytes(), plain.output.stat().st_mtime_ns
    again = plain.run(SLIPWAY_HOME=str(plain.output.parent / "other home"))
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert (plain.output.read_bytes(), plain.output.stat().st_mtime_ns) == before


def test_a_push_that_changes_nothing_here_leaves_nothing_to_do(plain: SimpleNamespace) -> None:
    plain.run()
    plain.gitops.commit({"customers/bre/note.txt": "hello\n"})
    again = plain.run()
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True), again.stderr
    plain.gitops.commit({"customers/elv/values.yaml": values()})
    assert plain.run().returncode == 1


def test_an_edited_file_is_left_and_the_difference_shown(plain: SimpleNamespace) -> None:
    plain.output.write_text("app: mine\n")
    done = plain.run()
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert "-app: mine" in done.stdout
    assert plain.output.read_text() == "app: mine\n"
    assert plain.run("--force").returncode == 0
    assert_whole(plain, {"bre", "dal", "test"}, {"api"})
    assert [p.name for p in plain.output.parent.iterdir() if p.name.startswith(".release")] == []


def test_json_has_all_of_it(plain: SimpleNamespace) -> None:
    done = json.loads(plain.run("--json").stdout)
    assert done["created"] is True
    assert done["text"] == plain.output.read_text()
    assert done["found"]["gitops"]["customers"] == ["bre", "dal", "test"]


def test_a_component_without_an_image_and_an_image_without_a_component_are_comments(made: Callable) -> None:
    app = {f"services/{s}/Dockerfile": DOCKERFILE for s in ("api", "web", "mailer", "reports")}
    images = "".join(f"{s}: {{image: '{R}/{s}:v1'}}\n" for s in ("api", "web", "search", "legacy"))
    both = made(app, {f"customers/{c}/values.yaml": images for c in ("bre", "dal")})
    done = both.run()
    assert done.returncode == 0, done.stderr
    assert_whole(both, {"bre", "dal"}, {"api", "web"})
    text = both.output.read_text()
    assert "#   mailer:   # services/mailer/Dockerfile" in text
    assert f"#   {R}/search in customers/bre/values.yaml and 1 more" in text
    assert "services/mailer/Dockerfile" in done.stdout


def test_a_commented_component_works_once_the_comment_is_taken_away(made: Callable) -> None:
    images = f"api: {{image: '{R}/api:v1'}}\n"
    one = made(
        {"api/Dockerfile": DOCKERFILE, "mailer/Dockerfile": DOCKERFILE},
        {f"customers/{c}/values.yaml": images for c in ("bre", "dal")},
    )
    one.run()
    lines = one.output.read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("#   mailer:"))
    end = next(n for n in range(start, len(lines)) if not lines[n].startswith("# "))
    plain = [*lines[:start], *(line[2:] for line in lines[start:end]), *lines[end:]]
    assert set(yaml.safe_load("\n".join(plain))["components"]) == {"api", "mailer"}


def test_the_app_at_the_top_of_its_repository_takes_the_repositorys_name(repository: Callable, tmp_path: Path) -> None:
    app, gitops = repository("tickets"), repository("gitops")
    app.commit({"Dockerfile": DOCKERFILE})
    bare = app.work.parent / "tickets.git"
    Path(app.url).rename(bare)
    gitops.commit(
        {"customers/bre/kustomization.yaml": "images:\n- {name: app, newName: r.no/acme/tickets, newTag: v1}\n"}
    )
    output = tmp_path / "release.yaml"
    done = slipway("init", "--app", str(bare), "--gitops", gitops.url, "--output", str(output))
    assert done.returncode == 0, done.stderr
    config = load_config(output)
    assert {n: (c.path, c.image) for n, c in config.components.items()} == {"tickets": (".", "r.no/acme/tickets")}


def test_a_folder_that_matches_and_is_no_customer_is_in_no_ring(made: Callable) -> None:
    there = made({"api/Dockerfile": DOCKERFILE}, {f"envs/{c}/values.yaml": values() for c in ("bre", "dal", "base")})
    done = there.run()
    assert done.returncode == 0, done.stderr
    rings = load_config(there.output).rings
    assert [r.customers for r in rings] == [("bre",), ("dal",)]
    assert "base (GitOps)" in done.stdout


def test_a_customer_that_could_not_be_released_is_told(made: Callable) -> None:
    files = {f"customers/{c}/values.yaml": values() for c in ("bre", "dal", "elv")}
    files["customers/dal/values.yaml"] = "api:\n  image: &i {repository: r.no/api, tag: v1}\nworker: {image: *i}\n"
    done = made({"api/Dockerfile": DOCKERFILE}, files).run()
    assert done.returncode == 0, done.stderr
    assert "customers (2): bre, elv" in done.stdout
    assert "dal (GitOps)" in done.stdout
    assert "shared through an anchor" in " ".join(done.stdout.split())


R_DIGEST = f"{R}/api@sha256:{'1' * 64}"
OBJECTS = {
    "argocd": {
        f"argocd/{c}.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
        f"metadata: {{name: shop-{c}, namespace: argocd, labels: {{app: shop}}}}\nspec: {{project: web}}\n"
        for c in ("bre", "dal")
    },
    "flux": {
        f"clusters/{c}.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        f"metadata: {{name: shop-{c}, namespace: flux-{c}}}\nspec: {{path: ./customers/{c}, wait: true}}\n"
        for c in ("bre", "dal")
    },
    "kubernetes": {},
}
WORKLOADS = {
    f"customers/{c}/api.yaml": "apiVersion: apps/v1\nkind: StatefulSet\n"
    f"metadata: {{name: api, namespace: shop-{c}}}\nspec:\n  template:\n    spec:\n      containers:\n"
    f"      - name: main\n        image: {R_DIGEST}\n"
    for c in ("bre", "dal")
}


@pytest.mark.parametrize("way", OBJECTS)
def test_customers_are_seen_by_what_rolls_them_out_and_over_http_once_the_comment_is_taken(
    way: str, made: Callable
) -> None:
    there = made({"api/Dockerfile": DOCKERFILE}, {**WORKLOADS, **OBJECTS[way]})
    done = there.run()
    assert done.returncode == 0, done.stderr
    rollout = load_config(there.output).rollout
    assert rollout.verify == way
    if rollout.argocd:
        said = rollout.argocd.model_dump(include={"application", "project", "selector", "app_namespace"})
        assert said == {
            "application": "shop-{customer}",
            "project": "web",
            "selector": "app=shop",
            "app_namespace": None,
        }
    if rollout.flux:
        assert (rollout.flux.kustomization, rollout.flux.namespace) == ("shop-{customer}", "flux-{customer}")
    if rollout.kubernetes:
        api = rollout.kubernetes.workloads["api"]
        assert rollout.kubernetes.namespace == "shop-{customer}"
        assert (api.kind, api.name, api.container) == ("StatefulSet", "api", "main")
    text = there.output.read_text()
    before, _, after = text.partition("rollout:\n")
    commented = after.partition("  # Or over HTTP")[2].splitlines()[1:]
    there.output.write_text(before + "rollout:\n" + "\n".join(line.removeprefix("# ") for line in commented) + "\n")
    assert load_config(there.output).rollout.verify == "http"


def test_applications_with_tags_are_seen_by_their_pods_too(made: Callable) -> None:
    there = made(
        {"api/Dockerfile": DOCKERFILE},
        {**{f"customers/{c}/values.yaml": values() for c in ("bre", "dal")}, **OBJECTS["argocd"]},
    )
    there.run()
    rollout = load_config(there.output).rollout
    assert rollout.verify == "argocd"
    assert rollout.kubernetes is not None
    assert "made up: no workload runs its image" in there.output.read_text()


def test_kustomizations_that_wait_for_nothing_are_seen_by_their_pods_or_told(made: Callable) -> None:
    objects = {name: text.replace(", wait: true", "") for name, text in OBJECTS["flux"].items()}
    there = made({"api/Dockerfile": DOCKERFILE}, {**WORKLOADS, **objects})
    there.run()
    assert load_config(there.output).rollout.kubernetes is not None
    there.gitops.commit(
        {**dict.fromkeys(WORKLOADS), **{f"customers/{c}/values.yaml": values() for c in ("bre", "dal")}}
    )
    there.run("--force")
    assert load_config(there.output).rollout.kubernetes is None
    assert "CHECK: A Kustomization without `wait: true` is ready before anything runs" in there.output.read_text()


def test_applications_that_take_their_files_elsewhere_are_not_believed(made: Callable) -> None:
    applications = {
        f"customers/{c}.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
        f"metadata: {{name: shop-{c}}}\nspec:\n  source: {{repoURL: https://charts.example.no/shop, chart: shop,\n"
        "    helm: {parameters: [{name: api.image.tag, value: v1}]}}\n"
        for c in ("bre", "dal")
    }
    there = made({"api/Dockerfile": DOCKERFILE}, applications)
    done = there.run()
    assert done.returncode == 0, done.stderr
    assert load_config(there.output).rollout.verify == "http"
    assert "does not tell which release" in there.output.read_text()


def test_images_of_kustomize_in_applications_are_places_too(made: Callable) -> None:
    applications = {
        f"apps/{c}.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
        f"metadata: {{name: shop-{c}}}\nspec:\n  source: {{repoURL: https://git.example.no/gitops, path: {c},\n"
        f"    kustomize: {{images: ['api={R}/api:v1']}}}}\n"
        for c in ("bre", "dal")
    }
    there = made({"api/Dockerfile": DOCKERFILE}, applications)
    done = there.run()
    assert done.returncode == 0, done.stderr
    assert_whole(there, {"bre", "dal"}, {"api"})
    config = load_config(there.output)
    assert config.gitops.targets["api"][0].image == "api"
    assert (config.rollout.verify, config.rollout.argocd.repository) == ("argocd", "https://git.example.no/gitops")  # type: ignore[union-attr]


def test_nothing_recognised_says_what_was_looked_for_and_leaves_no_file(made: Callable) -> None:
    none = made({"api/Dockerfile": DOCKERFILE}, {"README.md": "nothing\n", "x.yaml": "image: redis:7\n"})
    done = none.run()
    assert done.returncode == 1
    assert "kustomization.yaml" in done.stderr
    assert "{customer}" in done.stderr
    assert list(none.output.parent.glob("*release*")) == []
    none.app.commit({"api/Dockerfile": None})
    done = none.run()
    assert done.returncode == 1
    assert "Dockerfile" in done.stderr


def test_a_branch_that_is_not_there_names_those_that_are(plain: SimpleNamespace, repository: Callable) -> None:
    done = plain.run("--app-branch", "trunk")
    assert (done.returncode, "main" in done.stderr) == (1, True)
    done = slipway(
        "init", "--app", repository("empty").url, "--gitops", plain.gitops.url, "--output", str(plain.output)
    )
    assert done.returncode == 1
    assert "no commit yet" in done.stderr


def test_a_repository_that_does_not_answer_is_a_server_that_is_not_there(plain: SimpleNamespace) -> None:
    done = slipway("init", "--app", "http://127.0.0.1:1/app.git", "--gitops", plain.gitops.url)
    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr


@pytest.mark.parametrize(
    "named",
    ["--upload-pack=touch /tmp/x", "/no/such/folder", "https://kari:s3cret@git.example.no/app.git", "", "a\x1bb"],
)
def test_what_is_no_repository_is_a_usage_error_without_its_secret(named: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        first.place(named, "main", "--app")
    assert "s3cret" not in str(caught.value)


def test_a_branch_cannot_be_an_option(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid):
        first.place(str(tmp_path), "--upload-pack=x", "--app")


def test_a_local_path_becomes_whole_and_names_its_origin(repository: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    app = repository("shop")
    app.git("remote", "set-url", "origin", "https://git.example.no/shop.git")
    monkeypatch.chdir(app.work)
    place = first.place(".", "main", "--app")
    assert place.url == str(app.work)
    assert "https://git.example.no/shop.git" in place.doubt


def test_names_from_a_hostile_repository_cannot_write_yaml_or_colours(made: Callable) -> None:
    app = {
        "api/Dockerfile": 'FROM x AS test\nFROM x\nEXPOSE 80\nHEALTHCHECK CMD curl http://localhost/a:b#c"\n',
        "api/package.json": json.dumps({"scripts": {"test": "x\nevil: true", "lint": "\x1b[31m"}}),
    }
    bad = made(
        app, {f"customers/{c}/it's [a] {n} # x.yaml": values() for c in ("bre", "dal") for n in ("test", "{test}")}
    )
    done = bad.run()
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + bad.output.read_text()
    assert_whole(bad, {"bre", "dal"}, {"api"})
    assert load_config(bad.output).components["api"].suites["unit"].run == "npm test"


@pytest.mark.parametrize(
    "text", ["yes", "1", "a: b", "# x", "'", '"', "a\\b", "{x}", "- a", "é", "null", " a", "a #b", "=", "!x", "~"]
)
def test_a_value_reads_back_as_it_was(text: str) -> None:
    assert yaml.safe_load(f"k: {scalar(text)}   # why") == {"k": text}
