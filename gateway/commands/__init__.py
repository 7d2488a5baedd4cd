"""The commands, `gateway VERB`: this is their table of contents.

A verb is a function, its signature is its command line, its docstring the help, what it returns the exit code.
"""

from __future__ import annotations

from cyclopts import App

from gateway import __version__
from gateway.commands import looking, running, serving

app = App(
    name="gateway",
    help="Signpost: one GraphQL endpoint in front of many services, whose errors say whose they are.",
    help_epilogue="Exit codes: 0 fine, 1 problems found, 2 could not run.",
    version=f"signpost-gateway {__version__}",
    result_action="return_value",
)
schema = App(name="schema", help="The composed schema, and the copies of the services' schemas.")
sources = App(name="sources", help="The sources; and one of them taken out of use by hand.")
config = App(name="config", help="About the configuration file.")

for group in (schema, sources, config):
    app.command(group)

app.command(serving.serve)
app.command(serving.dev)
app.command(serving.mock)
app.command(serving.demo)

app.command(looking.check)
app.command(looking.coupling)
app.command(looking.plan)
app.command(looking.drift)
app.command(looking.version)
schema.default(looking.schema)
schema.command(looking.schema_pull, name="pull")
sources.default(looking.sources)
config.command(looking.config_schema, name="schema")

app.command(running.explain)
app.command(running.capture)
app.command(running.advise)
app.command(running.reload)
sources.command(running.hold)
sources.command(running.release)
