"""Carries a plan out in parts: what the client lets come later (`@defer`, `@stream`) is delivered when it is there.

`schedule` says which fragments and lists are worth waiting for separately; `delivery` makes data of the rows that are there;
`run` is the execution, which hands out a `Part` whenever there is something new.
"""

from gateway.execution.incremental.parts import Instance as Instance
from gateway.execution.incremental.parts import Part as Part
from gateway.execution.incremental.parts import Piece as Piece
from gateway.execution.incremental.run import IncrementalRun as IncrementalRun
from gateway.execution.incremental.schedule import Schedule as Schedule
from gateway.execution.incremental.schedule import schedule as schedule
