"""The first run: three small real services of three kinds, and the gateway in front of them."""
