"""The Fleet page: is anything wrong, how much, since when; and every device in a table."""
