"""What people write, and which word of the language they mean: suggestions, names of other tools, lookalike characters."""
