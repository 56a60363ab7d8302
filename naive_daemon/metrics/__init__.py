"""Metrics for Prometheus: everything is counted when somebody asks, nothing on the way of a message."""
