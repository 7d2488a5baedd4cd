"""An operation becomes a plan. Pure: no clock, no I/O. `operation` normalises, `planner` searches, `plan` is what comes out."""
