"""Making models smaller without training: channels, single weights, ranks, and exits on the way."""
