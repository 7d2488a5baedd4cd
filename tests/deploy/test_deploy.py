"""What is in `config/deploy` is what its systems take, and what the gateway takes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from gateway.app import settings_of
from tests.deploy.helm import helm

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "config" / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
CHART = DEPLOY / "helm" / "signpost"
COMPOSE = DEPLOY / "compose"


def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def rendered(*values: str) -> list[dict[str, Any]]:
    said = helm("template", "test", str(CHART), *(part for value in values for part in ("--set", value)))
    assert said.returncode == 0, said.stderr
    return [each for each in yaml.safe_load_all(said.stdout) if each]


def one(kind: str, among: list[dict[str, Any]]) -> dict[str, Any]:
    [found] = [each for each in among if each["kind"] == kind]
    return found


def named(kind: str) -> dict[str, Any]:
    return one(kind, [each for path in MANIFESTS for each in documents(path)])


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_kubernetes_takes_every_manifest(path: Path) -> None:
    for document in documents(path):
        kubernetes_validate.validate(document, "1.30", strict=True)


ALWAYS = {"Deployment", "Service", "ServiceAccount", "ConfigMap", "PodDisruptionBudget"}
SWITCHED = {"HorizontalPodAutoscaler", "NetworkPolicy"}
CHOICES = {
    (): ALWAYS | SWITCHED,
    ("autoscaling.queueWaitMetric=gateway_queue_wait_seconds_p95", "secretName=signpost"): ALWAYS | SWITCHED,
    ("autoscaling.enabled=false", "networkPolicy.enabled=false", "service.type=LoadBalancer"): ALWAYS,
}


@pytest.mark.parametrize(("values", "kinds"), CHOICES.items())
def test_kubernetes_takes_what_the_chart_renders(values: tuple[str, ...], kinds: set[str]) -> None:
    found = rendered(*values)
    for document in found:
        kubernetes_validate.validate(document, "1.30", strict=True)
    assert {document["kind"] for document in found} == kinds


def test_helm_finds_nothing_to_say_about_the_chart() -> None:
    said = helm("lint", "--strict", "--quiet", str(CHART))
    assert (said.returncode, said.stderr) == (0, ""), said.stdout


def test_helm_refuses_values_that_are_not_there_or_not_right() -> None:
    said = helm("template", "test", str(CHART), "--set", "replicas=two", "--set", "replcas=2", "--set", "config.sources=none")
    assert said.returncode == 1
    assert "'/replicas': got string, want integer" in said.stderr
    assert "'replcas' not allowed" in said.stderr
    assert "'/config/sources': got string, want array" in said.stderr


def test_who_installs_the_chart_is_told_what_to_do_next() -> None:
    said = helm("install", "test", str(CHART), "--dry-run=client", "--namespace", "shop")
    notes = said.stdout.partition("NOTES:")[2]
    assert "kubectl -n shop port-forward service/test 8080:80" in notes
    assert "`config.sources`" in notes, "there is nothing to ask yet"


def test_the_chart_runs_what_the_manifest_runs() -> None:
    ours, theirs = (each["spec"]["template"]["spec"] for each in (named("Deployment"), one("Deployment", rendered())))
    for key in ("securityContext", "terminationGracePeriodSeconds", "automountServiceAccountToken"):
        assert ours[key] == theirs[key], key
    [mine], [other] = ours["containers"], theirs["containers"]
    assert {key: mine[key] for key in mine if key not in ("image", "volumeMounts")} == {
        key: other[key] for key in other if key not in ("image", "imagePullPolicy", "volumeMounts")
    }


def test_replicas_are_spread_and_both_scale_by_load_and_by_waiting() -> None:
    for pod in (named("Deployment"), one("Deployment", rendered())):
        [spread] = pod["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert spread["topologyKey"] == "kubernetes.io/hostname"
    waiting = one("HorizontalPodAutoscaler", rendered("autoscaling.queueWaitMetric=gateway_queue_wait_seconds_p95"))
    assert waiting["spec"]["metrics"] == named("HorizontalPodAutoscaler")["spec"]["metrics"]


def test_the_gateway_takes_the_configuration_that_the_chart_renders(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(yaml.safe_dump({"config": {
        "owners": {"shop": {"team": "Shop", "contact": {"email": "shop@example.com"}}},
        "sources": [{"name": "a", "kind": "graphql", "url": "https://a.example.com", "schema": "introspect", "owner": "shop"}],
    }}))  # fmt: skip
    said = helm("template", "test", str(CHART), "--values", str(tmp_path / "values.yaml"))
    config = one("ConfigMap", [each for each in yaml.safe_load_all(said.stdout) if each])["data"]["gateway.yaml"]
    (tmp_path / "gateway.yaml").write_text(config)
    settings = settings_of(tmp_path / "gateway.yaml")
    assert (settings.gateway.listen.port, [source.name for source in settings.sources]) == (8080, ["a"])


def test_the_values_of_the_chart_are_what_its_schema_says() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.validate(yaml.safe_load((CHART / "values.yaml").read_text()), schema)


def test_every_value_the_templates_use_has_a_default() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for template in (CHART / "templates").iterdir():
        for path in re.findall(r"\.Values((?:\.\w+)+)", template.read_text()):
            found: Any = values
            for name in path[1:].split("."):
                assert name in found, f"{template.name}: {path}"
                found = found[name]


def test_the_process_may_do_nothing_but_its_work() -> None:
    pod = named("Deployment")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert (pod["securityContext"]["runAsNonRoot"], container["securityContext"]["readOnlyRootFilesystem"]) == (True, True)
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False


def test_a_replica_that_leaves_has_time_to_answer_what_is_in(tmp_path: Path) -> None:
    pod = named("Deployment")["spec"]["template"]["spec"]
    pause = float(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pause + loaded(tmp_path).gateway.limits.deadline


def loaded(folder: Path) -> Any:
    """The ConfigMap, read as the gateway will; its one secret lies elsewhere here."""
    (folder / "inventory-token").write_text("secret")
    text = named("ConfigMap")["data"]["gateway.yaml"].replace("/run/secrets/signpost", str(folder))
    (folder / "gateway.yaml").write_text(text)
    return settings_of(folder / "gateway.yaml")


def test_the_gateway_takes_the_configuration_of_the_manifest(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    ports = {
        port["name"]: port["containerPort"] for port in named("Deployment")["spec"]["template"]["spec"]["containers"][0]["ports"]
    }
    assert (settings.gateway.listen.port, settings.gateway.admin.listen.port) == (ports["http"], ports["admin"])


def test_the_gateway_takes_the_configuration_of_the_compose_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    for name, value in services["gateway"]["environment"].items():
        monkeypatch.setenv(name, value)
    for file in (ROOT / "config" / "demo.yaml", COMPOSE / "production.yaml"):
        shutil.copy(file, tmp_path)
    settings = settings_of(tmp_path)
    hosts = [source.url.split("/")[2] for source in settings.sources]
    assert hosts == ["catalog:8000", "accounts:8000", "reviews:8000"]
    assert settings.cache.store == "redis://valkey:6379/0"


def test_compose_takes_the_compose_file() -> None:
    asked = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE / "compose.yaml")]
    said = subprocess.run([sys.executable, *asked], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout


def test_every_file_the_compose_file_mounts_is_there() -> None:
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    mounted = [mount.split(":")[0] for service in services.values() for mount in service.get("volumes", ())]
    assert mounted
    assert [path for path in mounted if not (COMPOSE / path).exists()] == []


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not on this machine")
    unit = tmp_path / "gateway.service"
    unit.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", (DEPLOY / "systemd" / "gateway.service").read_text()))
    said = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert [line for line in said.stderr.splitlines() if "gateway.service" in line] == []


def test_the_image_is_made_as_images_should_be() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not on this machine")
    said = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, "")


DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_what_the_image_is_made_of_is_let_into_its_build() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)]
    named = {path.split("/")[0] for paths in copied for path in paths}
    assert named == allowed
    assert all((ROOT / path).exists() for path in named)


def test_the_image_runs_as_nobody_and_belongs_to_no_architecture() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d+$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert re.search(r"amd64|arm64|x86_64|aarch64", DOCKERFILE.replace("linux/amd64,linux/arm64", "")) is None
