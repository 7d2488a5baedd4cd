"""YAML becomes settings, or a list of everything that is wrong with it."""
