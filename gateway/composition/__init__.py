"""Subgraphs become one supergraph. Pure: no clock, no I/O. `compose` is the table of contents of this room."""

from gateway.composition.merge import compose
from gateway.composition.supergraph import Supergraph

__all__ = ["Supergraph", "compose"]
