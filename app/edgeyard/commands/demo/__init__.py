"""The demo: a whole site of real parts on this machine, in a folder of its own, and the stories it tells."""
