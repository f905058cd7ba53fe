"""Information about rewards as a graph: distances between responses, designs of comparisons, and what the paper bounds (arXiv:2402.10184)."""
