"""A service becomes subgraphs. One module per kind; the table below is all the rest of the house knows of them."""

KINDS: dict[str, str] = {
    "graphql": "gateway.sources.graphql",
    "openapi": "gateway.sources.openapi",
    "local": "gateway.sources.local",
}
