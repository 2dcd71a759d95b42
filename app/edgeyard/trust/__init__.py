"""Keys, certificates, the release and director repositories, and how each is verified."""
