"""What can be said of a plan before it is carried out: its cost, why a stage is to do, a copy on disk that must still be true."""
