"""Dose-response statistics: arrays in, numbers out; no torch."""
