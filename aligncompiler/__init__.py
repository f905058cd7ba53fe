"""alignc: the declarative compiler for alignment research. This package turns YAML into a plan and never imports torch."""

__version__ = "0.1.0"
