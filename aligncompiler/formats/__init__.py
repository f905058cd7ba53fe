"""Forms of the diagnostics that other programs define, one a file: each has a function `render(report)` that gives the whole text."""
