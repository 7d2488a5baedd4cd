"""The document's own word on who answers for it fills what the configuration leaves open, and overrides nothing."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.errors import Owner
from gateway.sources.openapi.references import Node

_WAYS = ("email", "url")


def with_contact(owner: Owner, document: Node) -> Owner:
    """The owner with its missing parts from the document; `origin` says when there were any."""
    told = document.child("info", "contact")
    contact = {way: told.text(way) for way in _WAYS if told.text(way)} | dict(owner.contact)
    docs = owner.docs or document.child("externalDocs").text("url") or document.child("info").text("termsOfService") or None
    filled = replace(owner, team=owner.team or told.text("name"), contact=contact, docs=docs)
    return owner if filled == owner else replace(filled, origin="openapi")
