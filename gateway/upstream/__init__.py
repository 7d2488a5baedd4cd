"""One call to one service, through the onion. `call` has the nouns, `onion` the order of the layers."""
