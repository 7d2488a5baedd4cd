"""The settings as types: every key of the YAML with its default and its description."""

from gateway.config.model.callers import ApiKey, Callers, Jwt, Protect, Require
from gateway.config.model.document import Cache, Document, Events, Telemetry
from gateway.config.model.front import Cors, Documents, Http, RateLimit
from gateway.config.model.gateway import Admin, Errors, Gateway, Limits, Ownership
from gateway.config.model.part import Part
from gateway.config.model.policy import (
    Backoff,
    CachePolicy,
    CircuitBreaker,
    Concurrency,
    Hedge,
    Policy,
    Retry,
    Timeout,
    digest,
    merged,
)
from gateway.config.model.scalars import Address, Secret, Socket
from gateway.config.model.settings import Settings, Source
from gateway.config.model.source import (
    Auth,
    Batch,
    HeaderRule,
    Headers,
    Insert,
    Link,
    Lookup,
    Prefix,
    Propagate,
    Remove,
    Schema,
    SourceKeys,
)

__all__ = [
    "Address",
    "Admin",
    "ApiKey",
    "Auth",
    "Backoff",
    "Batch",
    "Cache",
    "CachePolicy",
    "Callers",
    "CircuitBreaker",
    "Concurrency",
    "Cors",
    "Document",
    "Documents",
    "Errors",
    "Events",
    "Gateway",
    "HeaderRule",
    "Headers",
    "Hedge",
    "Http",
    "Insert",
    "Jwt",
    "Limits",
    "Link",
    "Lookup",
    "Ownership",
    "Part",
    "Policy",
    "Prefix",
    "Propagate",
    "Protect",
    "RateLimit",
    "Remove",
    "Require",
    "Retry",
    "Schema",
    "Secret",
    "Settings",
    "Socket",
    "Source",
    "SourceKeys",
    "Telemetry",
    "Timeout",
    "digest",
    "merged",
]
