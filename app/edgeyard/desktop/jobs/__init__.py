"""Long work: what runs, how far it is, its log, and running it again."""
