"""Signpost: a read-side GraphQL composition gateway that names the owner of every error."""

__version__ = "0.1.0"
