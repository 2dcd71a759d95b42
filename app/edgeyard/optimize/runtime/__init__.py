"""Run an artifact on this machine, in whichever runtime it was made for."""
