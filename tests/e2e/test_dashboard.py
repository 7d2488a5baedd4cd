"""Dashboard and rules, asked of a real Prometheus that scrapes a real gateway while its sources fail, are slow and recover."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import yaml

from .gateway import Process, process
from .shop import PATIENT, Shop, configure, open_shop
from .test_sources_down import until
from .wire import reply

OBSERVABILITY = Path(__file__).parents[2] / "config" / "observability"
BOARD: dict[str, Any] = json.loads((OBSERVABILITY / "dashboard.json").read_text())
RULES: list[dict[str, Any]] = yaml.safe_load((OBSERVABILITY / "rules.yaml").read_text())["groups"]
RULES_TESTED = Path(__file__).with_name("rules.test.yaml")
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
VARIABLES = {"$__rate_interval": "30s", "$owner": ".*", "$source": ".*", "${datasource}": "prometheus"}
NOTHING_YET = {"Telemetry that was lost"}
"""Panels that are empty while all is well."""
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: rules are not run")


class Prometheus(msgspec.Struct, frozen=True):
    http: httpx.Client

    def ask(self, query: str) -> list[dict[str, Any]]:
        for name, value in VARIABLES.items():
            query = query.replace(name, value)
        answer = self.http.get("query", params={"query": query}).json()
        assert answer["status"] == "success", (query, answer.get("error"))
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def get(self, path: str) -> Any:
        return self.http.get(path).json()["data"]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed: the dashboard's queries are not run")
    folder = tmp_path_factory.mktemp("watched")
    crowded = (
        "  hedge: {after: 1ms, max_extra: 100%}\n"
        "  concurrency: {max: 1, queue: 50, max_wait: 10s}\n"
        "  circuit_breaker: {volume_threshold: 5, reset_timeout: 100ms}\n"
        "  cache: {ttl: 1m}\n"
    )
    with open_shop(folder, local=False) as shop:
        config = configure(shop, f"{PATIENT}\n  admin: {{public: [metrics]}}", crowded)
        with process(config) as gateway:
            until(lambda: "data" in gateway.ask("{ __typename }"))
            with _started(program, folder, gateway) as watching:
                _busy(shop, gateway, watching)
                until(lambda: watching.ask('gateway:source_failures:ratio5m{gateway_source="stock"} > 0'))
                yield watching


@contextmanager
def _started(program: str, folder: Path, gateway: Process) -> Iterator[Prometheus]:
    """Looks often, and at rules as they are but for how often they are computed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rules = (OBSERVABILITY / "rules.yaml").read_text().replace("interval: 30s", "interval: 500ms")
    (folder / "rules.yaml").write_text(rules)
    scrape = {"job_name": "signpost", "static_configs": [{"targets": [gateway.url.split("/")[2]]}]}
    every = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    (folder / "prometheus.yml").write_text(
        json.dumps({"global": every, "rule_files": ["rules.yaml"], "scrape_configs": [scrape]})
    )
    where = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    server = subprocess.Popen([program, *where, "--log.level=error"])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False, verify=False) as http:
            until(lambda: _is_ready(http))
            yield Prometheus(http)
    finally:
        server.terminate()
        server.wait(20)


def _is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("status/runtimeinfo").status_code == 200
    except httpx.TransportError:
        return False


def _scrapes(watching: Prometheus) -> int:
    """Those that went well."""
    found = watching.ask('sum_over_time(up{job="signpost"}[5m])')
    return int(found[0]["value"][1]) if found else 0


def _busy(shop: Shop, gateway: Process, watching: Prometheus) -> None:
    """All that a panel is about: batches, failures, retries, an open circuit, and calls that wait for each other. What the first
    scrape finds is no increase, so everything happens once more after it."""
    _once(shop, gateway, range(6))
    seen = _scrapes(watching)
    until(lambda: _scrapes(watching) >= seen + 2)
    _once(shop, gateway, range(6, 12))
    until(lambda: _scrapes(watching) >= seen + 5)


def _once(shop: Shop, gateway: Process, products: range) -> None:
    """`products`: those nobody has a copy of."""
    shop.broken["stock"] = reply("{}", 503)
    for number in products:
        assert gateway.ask(f'query Failing {{ getProduct(sku: "p{number}") {{ stock }} }}')["errors"]
    shop.broken.clear()
    until(
        lambda: "errors" not in gateway.ask(f'query Again {{ getProduct(sku: "p{products[0]}") {{ stock maker {{ name }} }} }}')
    )
    for limit in products:
        query = f"query Shelf {{ listProducts(limit: {limit + 20}) {{ sku maker {{ name }} warehouse {{ city }} }} }}"
        assert "errors" not in gateway.ask(query)


def exprs(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


def test_every_panel_shows_what_it_is_about(prometheus: Prometheus) -> None:
    empty = {panel["title"]: exprs(panel) for panel in PANELS if panel["title"] not in NOTHING_YET}

    def all_shown() -> bool:
        """Between two scrapes of which one was late, a gauge has no value for a moment."""
        for title in [title for title, asked in empty.items() if any(map(prometheus.ask, asked))]:
            del empty[title]
        return not empty

    until(all_shown)
    for panel in PANELS:
        for expr in exprs(panel):
            prometheus.ask(expr)


def test_what_can_be_chosen_is_there(prometheus: Prometheus) -> None:
    owners = {each["metric"]["gateway_owner"] for each in prometheus.ask("last_over_time(gateway_source_info[5m])")}
    assert owners == {"Stock & Supply", "Goods", "Staff Office"}
    for each in BOARD["annotations"]["list"]:
        prometheus.ask(each["expr"])


def test_every_rule_is_computed_without_a_fault(prometheus: Prometheus) -> None:
    def all_computed() -> bool:
        return all(rule["health"] == "ok" for group in prometheus.get("rules")["groups"] for rule in group["rules"])

    until(all_computed)
    names = {rule["record"] for group in RULES for rule in group["rules"] if "record" in rule}
    assert {name for name in names if not prometheus.ask(f"last_over_time({name}[5m])")} == set()


def test_what_fails_is_counted_for_the_source_that_fails_and_for_no_other(prometheus: Prometheus) -> None:
    found = prometheus.ask("last_over_time(gateway:source_failures:ratio5m[5m])")
    failing = {each["metric"]["gateway_owner"]: float(each["value"][1]) for each in found}
    assert failing.pop("Stock & Supply") > 0
    assert set(failing.values()) == {0.0}


def test_no_alert_is_about_the_gateway_when_a_source_fails(prometheus: Prometheus) -> None:
    told = {alert["labels"]["alertname"] for alert in prometheus.get("alerts")["alerts"]}
    assert (
        told & {"GatewayGone", "GatewayNotReady", "GatewayErrors", "UnexplainedNulls", "ReloadRefused", "TelemetryLost"} == set()
    )


# ---------------------------------------------------------------- as they are written

NAMED = re.compile(r"\b(?:gateway|http|process|target)_\w+")


def test_every_alert_about_a_source_carries_its_owner_and_the_others_are_the_gateway_s() -> None:
    for group in RULES:
        owner = "{{ $labels.gateway_owner }}" if group["name"] == "gateway-sources" else "gateway"
        for rule in (rule for rule in group["rules"] if "alert" in rule):
            assert rule["labels"]["owner"] == owner
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert rule["annotations"]["summary"]


def test_every_alert_is_tried() -> None:
    alerts = {rule["alert"] for group in RULES for rule in group["rules"] if "alert" in rule}
    assert set(re.findall(r"alertname: (\w+)", RULES_TESTED.read_text())) == alerts


def test_every_alert_has_its_row_with_its_severity() -> None:
    page = (OBSERVABILITY.parents[1] / "docs" / "observability.md").read_text().partition("| alert |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?`) \| (.*?) \|", page, re.MULTILINE)
    told = {name: severity for names, severity in rows for name in re.findall(r"`(\w+)`", names)}
    rules = {rule["alert"]: rule["labels"]["severity"] for group in RULES for rule in group["rules"] if "alert" in rule}
    assert set(told) == set(rules)
    assert all(severity in told[name] for name, severity in rules.items())


def test_every_panel_has_a_place_of_its_own() -> None:
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [(x, y) for panel in panels for x in _across(panel["gridPos"]) for y in _down(panel["gridPos"])]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


def _across(place: dict[str, int]) -> range:
    return range(place["x"], place["x"] + place["w"])


def _down(place: dict[str, int]) -> range:
    return range(place["y"], place["y"] + place["h"])


@needs_promtool
def test_prometheus_takes_the_rules_and_they_do_what_they_say(tmp_path: Path) -> None:
    rules = OBSERVABILITY / "rules.yaml"
    tested = tmp_path / "rules.test.yaml"
    tested.write_text(RULES_TESTED.read_text().replace("RULES", str(rules)))
    for command in (["check", "rules", str(rules)], ["test", "rules", str(tested)]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
