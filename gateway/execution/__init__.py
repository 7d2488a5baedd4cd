"""A plan becomes an answer. `compile` makes a plan ready once; `run` carries it out; `shape` sees to it when something failed."""
