"""What the commands have in common: how they print, and how they read a configuration down to its supergraph."""
