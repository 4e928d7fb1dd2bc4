"""Sources: foreign bytes and files -> events, one file per source."""
