"""A plan becomes an answer. `compile` makes a plan ready once; `run` carries it out; `shape` looks at it again when something failed."""
