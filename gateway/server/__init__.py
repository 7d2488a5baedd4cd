"""The street door: HTTP in, HTTP out. What an operation means is the engine's affair."""
