"""Upstream's plan and landmark files, from annotation and volume rows."""
