"""What things are and how they change. Pure: no I/O, no clock, no threads; time and randomness are arguments."""
