"""The report of a run: what was made, finished as plain data, for one page that needs nothing else."""
