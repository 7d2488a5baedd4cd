"""What is in `config/deploy` is what its systems take, and what the gateway takes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from gateway.app import settings_of

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "config" / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
CHART = DEPLOY / "helm" / "signpost"
COMPOSE = DEPLOY / "compose"


def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def rendered() -> Iterator[dict[str, Any]]:
    helm = shutil.which("helm")
    if helm is None:
        pytest.skip("helm is not on this machine")
    said = subprocess.run([helm, "template", "test", str(CHART)], capture_output=True, text=True, check=True)
    yield from (each for each in yaml.safe_load_all(said.stdout) if each)


def named(kind: str) -> dict[str, Any]:
    [found] = [each for path in MANIFESTS for each in documents(path) if each["kind"] == kind]
    return found


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_kubernetes_takes_every_manifest(path: Path) -> None:
    for document in documents(path):
        kubernetes_validate.validate(document, "1.30", strict=True)


def test_kubernetes_takes_what_the_chart_renders() -> None:
    kinds = set()
    for document in rendered():
        kubernetes_validate.validate(document, "1.30", strict=True)
        kinds.add(document["kind"])
    assert {"Deployment", "Service", "ConfigMap", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"} <= kinds


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
