"""What crosses the network: topics, messages, codecs, size limits. Pure encode and decode; all input is hostile."""
