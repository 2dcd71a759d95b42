"""The Optimize page: any model file and data, a plan before the start, live progress, and what was found."""
