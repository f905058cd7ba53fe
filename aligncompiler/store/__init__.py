"""Finished artifacts and the folders of runs: where they lie, whether they are whole, which may be deleted."""
