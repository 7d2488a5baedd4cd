"""Three separate programs, started as `python -m gateway.demo.upstreams.<name>`: a company's services, small enough to read."""
