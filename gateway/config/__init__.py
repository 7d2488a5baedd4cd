"""YAML becomes settings, or a list of everything that is wrong with it."""

from gateway.config.load import load
from gateway.config.schema import json_schema

__all__ = ["json_schema", "load"]
