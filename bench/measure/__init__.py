"""Measures freesmtp beside other clients on the same work."""
