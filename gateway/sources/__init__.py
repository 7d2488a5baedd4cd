"""A service becomes subgraphs. One module per kind; the table below is all the rest of the house knows of them."""

KINDS: dict[str, str] = {
    "graphql": "gateway.sources.graphql",
    "openapi": "gateway.sources.openapi",
    "federation": "gateway.sources.federation",
    "supergraph": "gateway.sources.supergraph",
    "local": "gateway.sources.local",
}
