"""Operations by their id: documents a manifest vouches for, and those clients register by their hash (APQ)."""

from gateway.server.persisted.documents import Documents as Documents
from gateway.server.persisted.manifest import Manifest as Manifest
from gateway.server.persisted.manifest import parse as parse
