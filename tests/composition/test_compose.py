"""What `compose` says of graphs as a whole."""

from __future__ import annotations

import pytest

from gateway.composition import compose
from gateway.config.problem import ConfigError
from tests.sources.openapi.world import a_subgraph


def test_a_graph_that_gives_nothing_to_ask_for_says_so_plainly() -> None:
    nothing = a_subgraph({"openapi": "3.0.0", "paths": {"/a": {"post": {"responses": {"200": {}}}}}})
    with pytest.raises(ConfigError) as raised:
        compose([nothing])
    [problem] = raised.value.problems
    assert problem.code == "NO_QUERIES"
    assert problem.message == "no source has a root field that clients could ask for."
    assert problem.owners == ("Stock & Supply <stock@example.com>",)
