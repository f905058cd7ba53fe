"""Thin LightningModules: optimiser, logging, device; no mathematics."""
